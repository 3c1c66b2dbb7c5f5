"""A weights file is whole, or its reader says so."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing
from worker.weights.checked_file import (
    read_metadata,
    read_tensors,
    tensor_digest,
    write_tensors,
)

if TYPE_CHECKING:
    from pathlib import Path

TENSORS = {"a": torch.tensor([[1.0, -2.5]]), "b": torch.tensor([0.125])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "small.safetensors"
    write_tensors(found, TENSORS, "a test")
    return found


def test_tensors_come_back_with_their_source_and_digest(path: Path) -> None:
    tensors, origin = read_tensors(path)

    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert origin.source == "a test"
    assert origin.digest == tensor_digest(TENSORS)
    assert read_metadata(path) == origin


def test_the_digest_is_a_sha256_of_names_types_shapes_and_bytes() -> None:
    by_hand = b"a <f4 [1, 2]\n" + struct.pack("<2f", 1.0, -2.5)
    by_hand += b"b <f4 [1]\n" + struct.pack("<f", 0.125)

    assert tensor_digest(TENSORS) == hashlib.sha256(by_hand).hexdigest()


def test_the_digest_does_not_depend_on_order_or_memory_layout() -> None:
    turned = {"b": TENSORS["b"], "a": torch.tensor([[1.0], [-2.5]]).T}

    assert tensor_digest(turned) == tensor_digest(TENSORS)


def test_a_missing_file_is_named_with_the_command_that_brings_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(WeightsMissing, match=r"nowhere\.safetensors") as caught:
        read_tensors(tmp_path / "nowhere.safetensors")

    assert "impasto weights fetch" in caught.value.hint


def test_a_file_cut_short_anywhere_is_noticed(path: Path) -> None:
    whole = path.read_bytes()

    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(WeightsDamaged, match="small"):
            read_tensors(path)


def test_no_flipped_bit_changes_a_tensor_unnoticed(path: Path) -> None:
    whole = path.read_bytes()
    unnoticed: list[int] = []

    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            tensors, _ = read_tensors(path)
        except WeightsDamaged:
            continue
        if tensor_digest(tensors) != tensor_digest(TENSORS):
            unnoticed.append(bit)

    assert unnoticed == []


def test_a_file_without_a_digest_is_not_trusted(path: Path) -> None:
    save_file(TENSORS, path)

    with pytest.raises(WeightsDamaged, match="does not say"):
        read_tensors(path)


def test_a_path_that_cannot_be_read_is_neither_missing_nor_damaged(
    tmp_path: Path,
) -> None:
    with pytest.raises(WeightsError, match="cannot read") as caught:
        read_metadata(tmp_path)

    assert type(caught.value) is WeightsError


def test_writing_leaves_nothing_else_behind(path: Path) -> None:
    write_tensors(path, TENSORS, "again")

    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_alone(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(AttributeError):
        write_tensors(path, {"a": "no tensor"}, "broken")  # type: ignore[dict-item]  # on purpose

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_keeps_its_numbers_while_the_file_is_replaced(path: Path) -> None:
    tensors, _ = read_tensors(path)

    write_tensors(path, {"a": torch.zeros(1, 2), "b": torch.zeros(1)}, "newer")

    assert tensor_digest(tensors) == tensor_digest(TENSORS)
