"""What a client may choose beside the defaults: each in short runs, and resumed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.segments import Changes, Segment
from tests.unit.worker.engine.conftest import last, picture, through_json
from worker.engine.images.color import to_luminance
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.pyramid import resize
from worker.engine.optimizers.base import GRAY_LEVEL
from worker.engine.transfer import OPTIMIZERS, stylize

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network

NAMES = sorted(OPTIMIZERS)

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
    "relations in tiles": {
        "content_loss": "relations",
        "content_weight": 5.0,
        "tile_px": 64,
        "max_edge": 128,
        "schedule": ((64, 4), (128, 4)),
    },
    "smaller style": {"style_scale": 0.5},
    "larger style": {"style_scale": 2.0},
    "luminance": {"color": "luminance"},
    "luminance from noise": {"color": "luminance", "init": "noise"},
    "histogram": {"color": "histogram"},
    "chroma": {"color": "chroma"},
    "averaging": {"averaging": 0.9},
    "early stop": {"early_stop": 10.0},
    "tiles": {"tile_px": 64},
    "seamless": {"seamless": True},
    "seamless tiles": {"seamless": True, "tile_px": 64},
    "seamless neighbors": {"seamless": True, "style_loss": "neighbors"},
    "all of them": {
        "pooling": "average",
        "style_loss": "wasserstein",
        "style_scale": 1.5,
        "color": "luminance",
    },
}


@pytest.mark.parametrize(
    ("name", "ability"),
    [
        *(("lbfgs", ability) for ability in ABILITIES),
        *((name, "all of them") for name in NAMES if name != "lbfgs"),
        ("adam", "relations"),
    ],
)
def test_every_ability_resumes_bit_for_bit_in_a_scale_and_between_two(
    run: Any, name: str, ability: str
) -> None:
    changes = {"optimizer": name, **ABILITIES[ability]}
    straight = list(run(**changes))

    for stop in (2, 4, 6):
        snapshot = through_json(straight[stop - 1].snapshot())
        resumed = list(run(resume=snapshot, **changes))

        assert torch.equal(snapshot.image, straight[stop - 1].image)
        for one, other in zip(resumed, straight[stop:], strict=True):
            assert one.losses == other.losses
            assert torch.equal(one.image, other.image)


SAME_PICTURE = {"tiles", "early stop"}  # of so few iterations
OTHER_SIZE = {"relations in tiles"} | {
    name for name in ABILITIES if name.startswith("seamless")
}


@pytest.mark.parametrize("ability", ABILITIES.keys() - SAME_PICTURE - OTHER_SIZE)
def test_every_ability_lowers_the_loss_and_makes_another_picture(
    run: Any, ability: str
) -> None:
    changes = {"schedule": ((64, 25),), "tv_weight": 0.1}

    found, plain = list(run(**changes, **ABILITIES[ability])), last(run(**changes))

    assert found[-1].losses.total < 0.7 * found[0].losses.total
    assert found[-1].image.shape == plain.image.shape
    assert found[-1].image.min() >= 0
    assert found[-1].image.max() <= 1
    assert not torch.equal(found[-1].image, plain.image)


def test_parameters_left_out_give_the_same_bits_as_their_defaults(run: Any) -> None:
    spelled_out = {
        "pooling": "max",
        "style_loss": "gram",
        "style_scale": 1.0,
        "color": "style",
    }

    assert torch.equal(last(run()).image, last(run(**spelled_out)).image)


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


MASKED = ({"weight": 1.0}, {"weight": 2.0})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop", [3, 4, 6, 9])
def test_everything_at_once_resumes_bit_for_bit(
    network32: Network,
    make_params: Callable[..., StyleParams],
    photo_and_style: tuple[Tensor, Tensor],
    name: str,
    stop: int,
) -> None:
    """Masks, a region, averages, early stop, chroma, tiles, and two changes."""
    params = make_params(
        styles=MASKED,
        optimizer=name,
        averaging=0.8,
        early_stop=0.5,
        color="chroma",
        style_loss="wasserstein",
        tile_px=64,
        max_edge=128,
        schedule=((64, 4), (128, 4)),
    )
    content, style = photo_and_style
    mask, region = picture(9, 15, seed=3)[:, :1], picture(7, 5, seed=4)[:, :1]
    styles = (Style(style, mask.float(), region.float()), Style(content))
    segments = [
        Segment(from_iteration=3, changes=Changes(style_weight=9.0)),
        Segment(from_iteration=6, changes=Changes(iterations=6, tv_weight=0.0)),
    ]
    run = partial(
        stylize, TransferInputs(content, styles), params, network32, segments=segments
    )
    straight = list(run())

    resumed = list(run(resume=through_json(straight[stop - 1].snapshot())))

    assert len(straight) == 10
    for one, other in zip(resumed, straight[stop:], strict=True):
        assert one.losses == other.losses
        assert torch.equal(one.image, other.image)
