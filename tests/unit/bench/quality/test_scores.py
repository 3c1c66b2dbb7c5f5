"""Scores put pictures in the order that eyes do, at one size, the same every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image, ImageFilter

from bench.quality import scores
from bench.quality.scores import HELD_OUT_LAYERS, PairScorer, WrongShape
from shared.params.style import StyleParams
from tests.unit.worker.engine.conftest import WIDTHS, picture, random_weights
from worker.engine.images.tensors import to_pil_image
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.vgg.network import Network

PHOTO = to_pil_image(picture(96, 128, seed=1))
PAINTING = to_pil_image(picture(128, 110, seed=2))


def make_heads() -> list[Tensor]:
    return [torch.full((1, channels, 1, 1), 0.5) for channels in WIDTHS]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "SCORED_EDGE_PX", 64)


@pytest.fixture(scope="module")
def network() -> Network:
    tensors = {name: each.float() for name, each in random_weights("vgg16").items()}
    return build_network("vgg16", tensors, torch.device("cpu"))


@pytest.fixture
def scorer(network: Network) -> PairScorer:
    return PairScorer(network, make_heads(), PHOTO, PAINTING)


def blur(image: Image.Image, radius: int) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def test_the_photo_has_all_of_its_content_and_the_painting_the_best_style(
    scorer: PairScorer,
) -> None:
    photo = scorer.score(PHOTO)
    painting = scorer.score(PAINTING.resize(PHOTO.size))

    assert (photo.cfsd, photo.lpips, photo.edges) == pytest.approx((0, 0, 1), abs=1e-6)
    assert painting.style < photo.style
    assert painting.deep_style < photo.deep_style
    assert painting.palette < photo.palette


def test_the_more_a_photo_is_blurred_the_less_of_its_content_is_left(
    scorer: PairScorer,
) -> None:
    sharp, soft, softer = (scorer.score(blur(PHOTO, radius)) for radius in (0, 2, 6))

    assert sharp.cfsd < soft.cfsd < softer.cfsd
    assert sharp.lpips < soft.lpips < softer.lpips
    assert sharp.edges > soft.edges > softer.edges


def test_the_same_picture_has_the_same_scores(
    scorer: PairScorer, network: Network
) -> None:
    again = PairScorer(network, make_heads(), PHOTO, PAINTING)

    assert scorer.score(blur(PHOTO, 2)) == again.score(blur(PHOTO, 2))


def test_a_picture_of_another_shape_is_refused(scorer: PairScorer) -> None:
    with pytest.raises(WrongShape, match="96 x 128 px is not of the photo's shape"):
        scorer.score(Image.new("RGB", (96, 128)))


def test_style_is_measured_where_no_default_loss_looks() -> None:
    params = StyleParams()

    assert not {*params.style_layers, *params.content_layers} & set(HELD_OUT_LAYERS)
