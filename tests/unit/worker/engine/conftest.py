"""A tiny network of random weights, tiny pictures, and short runs over them."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.networks import layer_names
from shared.params.style import StyleParams
from worker.checkpoint_file import Provenance, dump, parse
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.pyramid import PyramidScale
from worker.engine.images.tiling import RunLimits
from worker.engine.objective import Objective
from worker.engine.transfer import stylize
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from shared.params.networks import NetworkName
    from shared.params.segments import Segment
    from worker.engine.snapshot import Iterate, Snapshot
    from worker.engine.vgg.network import Network

WIDTHS = (4, 5, 6, 7, 8)  # channels by block, instead of 64 to 512


def random_weights(name: NetworkName) -> dict[str, Tensor]:
    """Narrow weights under torchvision's names, scaled to keep activations alive."""
    generator = torch.Generator().manual_seed(7)
    tensors = {}
    position, inputs = 0, 3
    for layer in layer_names(name):
        outputs = WIDTHS[int(layer[4]) - 1]
        position += int(layer.endswith("_1") and position > 0)
        shape = (outputs, inputs, 3, 3)
        weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        bias = torch.randn(outputs, generator=generator, dtype=torch.float64)
        tensors[f"features.{position}.weight"] = weight * (2 / (9 * inputs)) ** 0.5
        tensors[f"features.{position}.bias"] = bias * 0.1
        position, inputs = position + 2, outputs
    return tensors


def picture(height: int, width: int, seed: int) -> Tensor:
    """Smooth random colors, (1, 3, height, width), float64 in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 4, generator=generator, dtype=torch.float64)
    fine = torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (0.8 * smooth + 0.2 * fine).clamp_(0, 1)


def make_inputs(
    content: Tensor, *styles: Tensor, start: Tensor | None = None
) -> TransferInputs:
    """Make inputs without masks."""
    return TransferInputs(content, tuple(Style(image) for image in styles), start)


def make_objective(
    network: Network,
    params: StyleParams,
    content: Tensor,
    styles: Sequence[Tensor | Style],
    limits: RunLimits | None = None,
) -> Objective:
    """Make an objective at the size of the given images."""
    scale_styles = tuple(
        style if isinstance(style, Style) else Style(style) for style in styles
    )
    scale = PyramidScale(0, content, scale_styles)
    return Objective(network, params, scale, limits or RunLimits())


@pytest.fixture(scope="session")
def weights() -> dict[str, Tensor]:
    return random_weights("vgg16")


@pytest.fixture(scope="session")
def network(weights: dict[str, Tensor]) -> Network:
    """In float64, for finite differences."""
    return build_network("vgg16", weights, torch.device("cpu"))


@pytest.fixture(scope="session")
def network32(weights: dict[str, Tensor]) -> Network:
    """In float32, as in production."""
    single = {name: tensor.float() for name, tensor in weights.items()}
    return build_network("vgg16", single, torch.device("cpu"))


@pytest.fixture
def photo() -> Tensor:
    return picture(18, 24, seed=1)


@pytest.fixture
def painting() -> Tensor:
    return picture(20, 16, seed=2)


@pytest.fixture(scope="session")
def make_params() -> Callable[..., StyleParams]:
    """Parameters of a run of two short scales; keywords replace any of them."""

    def make(**changes: Any) -> StyleParams:
        short = {"max_edge": 64, "schedule": ((32, 4), (64, 4)), "style_weight": 3.0}
        return StyleParams(**{**short, **changes})

    return make


@pytest.fixture(scope="session")
def photo_and_style() -> tuple[Tensor, Tensor]:
    return picture(48, 80, seed=1).float(), picture(70, 50, seed=2).float()


@pytest.fixture(scope="session")
def run(
    network32: Network,
    make_params: Callable[..., StyleParams],
    photo_and_style: tuple[Tensor, Tensor],
) -> Any:
    """Start a run of 4 iterations at 32 px and 4 at 64 px, in float32."""
    content, style = photo_and_style

    def start(
        resume: Snapshot | None = None,
        start: Tensor | None = None,
        segments: Sequence[Segment] = (),
        **changes: Any,
    ) -> Iterator[Iterate]:
        params = make_params(**changes)
        inputs = make_inputs(content, style, start=start)
        return stylize(inputs, params, network32, resume=resume, segments=segments)

    return start


def through_json(snapshot: Snapshot) -> Snapshot:
    """Write a snapshot as a checkpoint and read it back."""
    return parse(dump(snapshot, Provenance({}, {})))[0]


def last(iterates: Iterator[Iterate]) -> Iterate:
    return deque(iterates, maxlen=1)[0]


def alike(one: Tensor, other: Tensor) -> float:
    """Cosine of the angle between two tensors."""
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))


def check_resumes(
    run: Callable[..., Iterator[Iterate]], stops: Sequence[int]
) -> list[Iterate]:
    """Check that a run goes on bit for bit from some of its iterates; return all.

    Args:
        run: Starts the run, at a snapshot if `resume` is given.
        stops: Numbers of iterates that were done before.
    """
    straight = list(run())
    for stop in stops:
        snapshot = through_json(straight[stop - 1].snapshot())
        assert torch.equal(snapshot.image, straight[stop - 1].image)
        for one, other in zip(run(resume=snapshot), straight[stop:], strict=True):
            assert one.iteration == other.iteration
            assert one.losses == other.losses
            assert torch.equal(one.image, other.image)
    return straight


def check_gradient(objective: Objective, image: Tensor, tolerance: float) -> None:
    """Compare a gradient with central differences in eight random directions."""
    _, gradient = objective.evaluate(image)
    generator = torch.Generator().manual_seed(4)
    for _ in range(8):
        direction = torch.randn(image.shape, generator=generator, dtype=image.dtype)
        above, below = (
            objective.evaluate(image + step * direction)[0].total
            for step in (1e-7, -1e-7)
        )
        slope = float((gradient * direction).sum())
        error = abs(slope - (above - below) / 2e-7)
        assert error < tolerance * float(gradient.norm())


def check_tiles(
    network: Network,
    params: StyleParams,
    photo: Tensor,
    styles: Sequence[Tensor | Style],
    image: Tensor,
    tolerance: float = 1e-9,
) -> None:
    """Check that tiles of 64 px give the losses and the gradient of the whole."""
    tiled = params.model_copy(update={"tile_px": 64})
    (whole, expected), (parts, gradient) = (
        make_objective(network, each, photo, styles).evaluate(image)
        for each in (params, tiled)
    )
    assert whole.total > 0
    assert asdict(parts) == pytest.approx(asdict(whole), rel=tolerance)
    assert float((gradient - expected).norm() / expected.norm()) < tolerance


def finite_difference_gradient(
    value: Callable[[Tensor], float], at: Tensor, step: float = 1e-5
) -> Tensor:
    """Compute the gradient of `value` by central differences, entry by entry."""
    gradient = torch.zeros_like(at)
    for index in itertools.product(*map(range, at.shape)):
        offset = torch.zeros_like(at)
        offset[index] = step
        gradient[index] = (value(at + offset) - value(at - offset)) / (2 * step)
    return gradient
