"""Masks: what counts as bright, as empty, as of one shape, as leaving nothing."""

from __future__ import annotations

import pytest
from PIL import Image

from shared.images.masks import cover_everything as leave_nothing_
from shared.images.masks import (
    decode_mask,
    have_same_aspect_ratio,
    is_empty,
    mask_thumbnail,
)
from tests.support.images import encode


def gray(level, size=(40, 30)):
    return Image.new("L", size, level)


def halves(left, right, size=(40, 30)):
    image = gray(left, size)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def test_brightness_is_that_of_rec_601():
    red = decode_mask(encode(Image.new("RGB", (20, 20), "red"), "PNG"))

    assert (red.mode, red.getpixel((5, 5))) == ("L", 76)  # 0.299 * 255


def test_transparency_is_dark():
    strokes = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    strokes.paste((255, 255, 255, 255), (0, 0, 10, 20))

    found = decode_mask(encode(strokes, "PNG"))

    assert (found.getpixel((2, 5)), found.getpixel((15, 5))) == (255, 0)


def test_one_bright_pixel_is_not_empty_and_noise_on_black_is():
    mask = gray(8)
    assert is_empty(mask)

    mask.putpixel((3, 3), 9)

    assert not is_empty(mask)


@pytest.mark.parametrize(
    ("size", "other", "same"),
    [
        ((640, 480), (640, 480), True),
        ((640, 480), (64, 48), True),
        ((64, 48), (6400, 4800), True),
        ((1000, 667), (100, 67), True),  # 66.7 px, rounded
        ((130, 1000), (17, 128), True),  # 16.6 px, rounded
        ((1000, 1000), (1000, 1010), True),  # 1 %
        ((1000, 1000), (1000, 1012), False),
        ((640, 480), (480, 640), False),
        ((640, 480), (500, 500), False),
        ((100, 100), (100, 102), False),
    ],
)
def test_shapes_are_the_same_up_to_one_percent_or_one_pixel(size, other, same):
    assert have_same_aspect_ratio(size, other) is same
    assert have_same_aspect_ratio(other, size) is same


def test_masks_that_meet_leave_nothing_and_a_gap_is_something():
    left, right = halves(255, 0), halves(0, 255, (400, 300))
    almost = halves(0, 255)
    almost.paste(0, (38, 28, 40, 30))

    def leave_nothing(*given):
        return leave_nothing_(mask_thumbnail(each) for each in given)

    assert leave_nothing(left, right)
    assert leave_nothing(gray(128), gray(128))
    assert not leave_nothing(left, almost)
    assert not leave_nothing(gray(128))
