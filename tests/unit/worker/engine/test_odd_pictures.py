"""Odd pictures with each loss: one color, a few pixels, masks of less than a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch

from shared.params.style import StyleLoss
from tests.unit.worker.engine.conftest import last, picture
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.transfer import stylize

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network

    MakeParams = Callable[..., StyleParams]

PLAIN = picture(48, 64, seed=3).float()
ODD = {
    "one color": torch.full((1, 3, 40, 64), 0.5),
    "black": torch.zeros(1, 3, 40, 64),
    "one row": picture(1, 64, seed=1).float(),
    "a few pixels": picture(2, 3, seed=1).float(),
}
LOSSES = [*((each, "squared") for each in get_args(StyleLoss)), ("gram", "relations")]


def is_picture(image: Tensor) -> bool:
    return bool(image.isfinite().all() and image.min() >= 0 and image.max() <= 1)


@pytest.mark.parametrize("which", ["photo", "painting"])
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(("style_loss", "content_loss"), LOSSES)
def test_odd_pictures_give_a_picture(
    network32: Network,
    make_params: MakeParams,
    style_loss: str,
    content_loss: str,
    name: str,
    which: str,
) -> None:
    photo, style = (ODD[name], PLAIN) if which == "photo" else (PLAIN, ODD[name])
    short = ((32, 2), (64, 2))
    params = make_params(
        style_loss=style_loss, content_loss=content_loss, schedule=short
    )

    result = last(stylize(TransferInputs(photo, (Style(style),)), params, network32))

    assert is_picture(result.image)


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_may_have_labels(
    network32: Network, make_params: MakeParams, name: str
) -> None:
    labels = torch.tensor([0, 1], dtype=torch.uint8).view(1, 1, 1, 2)
    styles = (Style(PLAIN, labels=labels.flip(3)),)
    inputs = TransferInputs(ODD[name], styles, labels=labels)

    result = last(stylize(inputs, make_params(style_loss="neighbors"), network32))

    assert is_picture(result.image)


@pytest.mark.parametrize("field", ["mask", "region"])
@pytest.mark.parametrize("style_loss", get_args(StyleLoss))
def test_less_than_a_pixel_of_a_mask_or_a_region_gives_a_picture(
    network32: Network, make_params: MakeParams, style_loss: str, field: str
) -> None:
    speck = torch.zeros(1, 1, 512, 512)
    speck[..., 3, 3] = 1
    tiny: Any = {field: speck}
    styles = (Style(PLAIN.flip(3), **tiny), Style(picture(50, 40, seed=2).float()))
    inputs = TransferInputs(PLAIN, styles)
    params = make_params(style_loss=style_loss, styles=({}, {}))

    result = last(stylize(inputs, params, network32))

    assert is_picture(result.image)
    assert float((result.image - PLAIN).abs().max()) > 1 / 255  # and it is painted
