"""Only the weights this version was made for reach the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shared.errors import WeightsDamaged, WeightsMissing
from worker.weights.catalog import (
    convolution_indices,
    default_folder,
    tensor_shapes,
    weights_path,
)
from worker.weights.checked_file import write_tensors
from worker.weights.load import load_weights, weights_digest


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
