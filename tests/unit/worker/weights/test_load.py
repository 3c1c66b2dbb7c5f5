"""Only the weights this version was made for reach the engine."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from shared.errors import WeightsDamaged, WeightsError, WeightsMissing
from worker.weights.catalog import (
    convolution_indices,
    default_folder,
    tensor_shapes,
    weights_path,
)
from worker.weights.load import (
    load_weights,
    read_metadata,
    read_tensors,
    tensor_digest,
    weights_digest,
    write_tensors,
)

TENSORS = {"a": torch.tensor([[1.0, -2.5]]), "b": torch.tensor([0.125])}


def zeros(network: str) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(shape) for name, shape in tensor_shapes(network).items()}  # type: ignore[arg-type]  # a str will do


@pytest.mark.parametrize(
    ("network", "last", "parameters"),
    [("vgg16", 28, 14_714_688), ("vgg19", 34, 20_024_384)],
)
def test_the_shapes_are_those_of_the_published_networks(
    network: str, last: int, parameters: int
) -> None:
    found = tensor_shapes(network)  # type: ignore[arg-type]  # a str will do

    assert sum(torch.Size(shape).numel() for shape in found.values()) == parameters
    assert f"features.{last}.bias" in found


def test_layers_lie_where_torchvision_has_them() -> None:
    places = convolution_indices("vgg16")

    assert [places[f"relu{block}_1"] for block in range(1, 6)] == [0, 5, 10, 17, 24]
    assert places["relu4_2"] == 19


def test_weights_that_were_never_fetched_are_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=str(tmp_path)):
        load_weights("vgg16", tmp_path)
    with pytest.raises(WeightsMissing, match="vgg16"):
        weights_digest("vgg16", tmp_path)


def test_the_hint_fetches_the_network_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as of_vgg16:
        load_weights("vgg16", tmp_path)
    with pytest.raises(WeightsMissing) as of_vgg19:
        weights_digest("vgg19", tmp_path)

    assert of_vgg16.value.hint == "run 'impasto weights fetch'"
    assert of_vgg19.value.hint == "run 'impasto weights fetch --network vgg19'"


def test_another_network_under_the_name_is_refused(tmp_path: Path) -> None:
    write_tensors(weights_path("vgg16", tmp_path), {"x": torch.zeros(1)}, "torchvision")

    with pytest.raises(WeightsDamaged, match="is not vgg16"):
        load_weights("vgg16", tmp_path)


def test_numbers_that_are_not_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    write_tensors(weights_path("vgg16", tmp_path), zeros("vgg16"), "a wheel")

    with pytest.raises(WeightsDamaged, match="other numbers"):
        load_weights("vgg16", tmp_path)


def test_what_came_from_torchvision_is_held_to_the_digest_it_came_with(
    tmp_path: Path,
) -> None:
    path = weights_path("vgg16", tmp_path)
    origin = write_tensors(path, zeros("vgg16"), "torchvision x.pth")

    assert load_weights("vgg16", tmp_path).keys() == tensor_shapes("vgg16").keys()
    assert weights_digest("vgg16", tmp_path) == origin.digest


def test_the_environment_chooses_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_WEIGHTS_DIR", "/somewhere")

    assert default_folder() == Path("/somewhere")


def test_without_a_choice_the_folder_is_in_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMPASTO_WEIGHTS_DIR", raising=False)

    assert default_folder().parts[-2:] == ("impasto", "weights")


@pytest.mark.weights
def test_the_real_weights_look_at_blue_in_the_third_channel(
    weights_dir: Path,
) -> None:
    first = load_weights("vgg16", weights_dir)["features.0.weight"][0]

    expected = torch.tensor([0.42947057, 0.373467, -0.06136011])
    torch.testing.assert_close(first[2, 0], expected, rtol=0, atol=1e-8)


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


def test_no_flipped_bit_of_any_byte_changes_a_tensor_unnoticed(path: Path) -> None:
    whole = path.read_bytes()
    unnoticed: list[int] = []

    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            tensors, _ = read_tensors(path)
        except WeightsDamaged:
            continue
        if tensor_digest(tensors) != tensor_digest(TENSORS):
            unnoticed.append(place)

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
