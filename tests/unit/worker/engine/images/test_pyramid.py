from __future__ import annotations

import pytest
import torch

from tests.unit.worker.engine.conftest import make_inputs, picture
from worker.engine.images.pyramid import (
    build_scales,
    enlarge_with_detail,
    fit_size,
    resize,
)


@pytest.mark.parametrize(
    ("height", "width", "side", "expected"),
    [
        (768, 1024, 512, (384, 512)),
        (1024, 768, 512, (512, 384)),
        (341, 513, 64, (43, 64)),
        (10, 80, 64, (8, 64)),
        (3, 4000, 64, (1, 64)),
        (5, 5, 8192, (8192, 8192)),
    ],
)
def test_the_long_side_is_exact_and_the_short_one_follows(
    height: int, width: int, side: int, expected: tuple[int, int]
) -> None:
    assert fit_size(torch.empty(1, 3, height, width), side) == expected


def test_every_scale_is_made_from_the_originals() -> None:
    content = picture(30, 50, seed=1)
    inputs = make_inputs(content, picture(40, 20, seed=2))

    found = list(build_scales(inputs, (16, 32, 64), first=1))

    assert [scale.index for scale in found] == [1, 2]
    assert [tuple(scale.content.shape[2:]) for scale in found] == [(19, 32), (38, 64)]
    assert [tuple(s.styles[0].image.shape[2:]) for s in found] == [(32, 16), (64, 32)]
    assert torch.equal(found[1].content, resize(content, (38, 64)))


@pytest.mark.parametrize(
    ("style_scale", "sizes"),
    [
        (0.25, [(4, 2), (8, 4)]),
        (1.0, [(16, 8), (32, 16)]),
        (2.5, [(40, 20), (80, 40)]),
    ],
)
def test_the_styles_keep_their_proportion_to_every_scale(
    style_scale: float, sizes: list[tuple[int, int]]
) -> None:
    style = picture(40, 20, seed=2)
    inputs = make_inputs(picture(30, 50, seed=1), style)

    found = list(build_scales(inputs, (16, 32), 0, style_scale))

    assert [tuple(s.styles[0].image.shape[2:]) for s in found] == sizes
    assert [tuple(s.content.shape[2:]) for s in found] == [(10, 16), (19, 32)]
    assert torch.equal(found[1].styles[0].image, resize(style, sizes[1]))


def test_a_picture_of_the_right_size_is_taken_as_it_is() -> None:
    image = picture(9, 7, seed=1)

    assert resize(image, (9, 7)) is image


@pytest.mark.parametrize("size", [(4, 3), (90, 70), (1, 1)])
def test_resizing_keeps_one_color_and_the_box(size: tuple[int, int]) -> None:
    one_color = resize(torch.full((1, 3, 9, 7), 0.25), size)
    checkered = resize(torch.eye(9)[None, None].expand(1, 3, 9, 9), size)

    assert torch.allclose(one_color, torch.full((1, 3, *size), 0.25))
    assert checkered.min() >= 0
    assert checkered.max() <= 1


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(32).expand(1, 3, 64, 64)

    small = resize(stripes, (16, 16))

    assert torch.allclose(small[..., 2:-2], torch.full((16, 12), 0.5), atol=0.05)


def test_a_small_photo_gets_its_own_detail_back_at_a_larger_scale() -> None:
    photo = picture(40, 60, seed=1)
    small = resize(photo, (20, 30))

    with_detail = enlarge_with_detail(small, photo, (40, 60))

    assert torch.allclose(with_detail, photo, atol=1e-6)
    assert not torch.allclose(
        enlarge_with_detail(small, None, (40, 60)), photo, atol=0.05
    )


def test_without_a_guide_a_picture_is_only_enlarged() -> None:
    small = picture(20, 30, seed=1)

    assert torch.equal(
        enlarge_with_detail(small, None, (40, 60)), resize(small, (40, 60))
    )


def test_enlarging_changes_neither_the_picture_nor_its_guide() -> None:
    small, guide = picture(20, 30, seed=1), picture(40, 60, seed=2)
    before = small.clone(), guide.clone()

    for size in ((20, 30), (40, 60)):
        found = enlarge_with_detail(small, guide, size)
        assert found.min() >= 0
        assert found.max() <= 1

    assert torch.equal(small, before[0])
    assert torch.equal(guide, before[1])
