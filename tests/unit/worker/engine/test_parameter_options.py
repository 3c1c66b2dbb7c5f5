"""What a client may choose beside the defaults: each in short runs, and resumed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.segments import Changes, Segment
from tests.unit.worker.engine.conftest import check_resumes, last, picture
from worker.engine.images.color import to_luminance
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.pyramid import resize
from worker.engine.optimizers.base import GRAY_LEVEL
from worker.engine.transfer import stylize

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network

ABILITIES: dict[str, dict[str, Any]] = {
    "average pooling": {"pooling": "average"},
    "wasserstein": {"style_loss": "wasserstein"},
    "wasserstein, as published": {"style_loss": "wasserstein", "loss_scale": "gatys"},
    "neighbors": {"style_loss": "neighbors"},
    "neighbors, as published": {
        "style_loss": "neighbors",
        "loss_scale": "gatys",
        "content_weight": 0.0,
    },
    "relations": {"content_loss": "relations"},
    "relations of brightness": {"content_loss": "relations", "color": "luminance"},
    "smaller style": {"style_scale": 0.5},
    "larger style": {"style_scale": 2.0},
    "luminance": {"color": "luminance"},
    "luminance from noise": {"color": "luminance", "init": "noise"},
    "histogram": {"color": "histogram"},
    "chroma": {"color": "chroma"},
    "averaging": {"averaging": 0.9},
}


@pytest.fixture(scope="module")
def plain_image(run: Any) -> Tensor:
    return last(run(schedule=((64, 8),))).image


@pytest.mark.parametrize("ability", ABILITIES)
def test_every_ability_lowers_the_loss_and_makes_another_picture(
    run: Any, plain_image: Tensor, ability: str
) -> None:
    found = list(run(schedule=((64, 8),), **ABILITIES[ability]))

    image = found[-1].image
    assert found[-1].losses.total < 0.9 * found[0].losses.total
    assert image.shape == plain_image.shape
    assert (image.min() >= 0, image.max() <= 1) == (True, True)
    assert not torch.equal(image, plain_image)


def test_luminance_keeps_the_chroma_of_the_photo_and_paints_its_brightness(
    run: Any, photo_and_style: tuple[Tensor, Tensor]
) -> None:
    photo = resize(photo_and_style[0], (38, 64))

    image = last(run(color="luminance")).image

    offset = (image - photo)[0]  # the same for R, G and B where nothing was clamped
    inside = ((image > 0) & (image < 1)).all(1)[0]
    assert torch.allclose(offset[0][inside], offset[1][inside], atol=1e-5)
    assert torch.allclose(offset[0][inside], offset[2][inside], atol=1e-5)
    assert inside.float().mean() > 0.5
    assert offset.abs().mean() > GRAY_LEVEL  # so that it can be seen


def test_luminance_optimizes_one_channel_and_saves_it(run: Any) -> None:
    snapshot = last(run(color="luminance")).snapshot()

    assert snapshot.point.shape == (1, 1, 38, 64)
    assert snapshot.image.shape == (1, 3, 38, 64)
    inside = ((snapshot.image > 0) & (snapshot.image < 1)).all(1, keepdim=True)
    error = (to_luminance(snapshot.image) - snapshot.point)[inside]
    assert float(error.abs().max()) < 1e-5


def test_luminance_starts_from_the_brightness_of_the_picture_given(run: Any) -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 10, 10)

    first = next(run(init="image", start=red, color="luminance"))

    assert float((first.snapshot().point - 0.299).abs().mean()) < 0.01


TOGETHER: list[dict[str, Any]] = [
    {"averaging": 0.8, "early_stop": 0.5, "color": "chroma", "tile_px": 64},
    {
        "style_loss": "wasserstein",
        "loss_scale": "gatys",
        "content_loss": "relations",
        "color": "histogram",
        "tile_px": 64,
    },
    {"style_loss": "neighbors", "seamless": True, "style_scale": 0.5, "tile_px": 64},
    {
        "style_loss": "wasserstein",
        "pooling": "average",
        "color": "luminance",
        "init": "noise",
        "style_scale": 1.5,
    },
]
MATCHED: dict[str, Any] = {"style_loss": "neighbors", "content_loss": "relations"}


@pytest.mark.parametrize(
    ("optimizer", "together"),
    [
        *(("lbfgs", each) for each in TOGETHER),
        *(("adam", each) for each in (TOGETHER[0], MATCHED)),
    ],
)
def test_many_abilities_at_once_resume_bit_for_bit(
    network32: Network,
    make_params: Callable[..., StyleParams],
    photo_and_style: tuple[Tensor, Tensor],
    together: dict[str, Any],
    optimizer: str,
) -> None:
    """With masks, a region, and two changes: after iterations 3 and 6."""
    params = make_params(
        styles=({"weight": 1.0}, {"weight": 2.0}),
        optimizer=optimizer,
        max_edge=96,
        schedule=((64, 4), (96, 4)),
        **together,
    )
    content, style = photo_and_style
    mask, region = picture(9, 15, seed=3)[:, :1], picture(7, 5, seed=4)[:, :1]
    styles = (Style(style, mask.float(), region.float()), Style(content))
    segments = [
        Segment(from_iteration=3, changes=Changes(style_weight=9.0)),
        Segment(from_iteration=6, changes=Changes(iterations=6, tv_weight=0.0)),
    ]
    inputs = TransferInputs(content, styles)
    run = partial(stylize, inputs, params, network32, segments=segments)

    assert len(check_resumes(run, stops=(4, 6, 9))) == 10
