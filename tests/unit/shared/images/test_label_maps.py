"""Label maps: which pictures are taken, and what their labels are."""

from __future__ import annotations

import pytest
from PIL import Image

from shared.errors import ImageUnreadable
from shared.images.decoder_process import label_colors_apart
from shared.images.label_maps import decode_label_map, label_colors
from tests.support.images import encode


def colors_of(image, kind="PNG"):
    return label_colors(decode_label_map(encode(image, kind)))


def stripes(colors, mode="RGB"):
    image = Image.new(mode, (len(colors), 16))
    for column, color in enumerate(colors):
        image.paste(color, (column, 0, column + 1, 16))
    return image


def reds(count):
    return stripes([(7 * level, 0, 0) for level in range(count)])


def test_colors_are_labels_in_rgb_and_with_a_palette():
    image = stripes([(255, 0, 0), (0, 0, 128)] * 10)

    assert colors_of(image) == ["#000080", "#ff0000"]
    assert colors_of(image.quantize(8)) == ["#000080", "#ff0000"]


def test_transparency_is_black():
    image = stripes([(255, 0, 0, 255), (9, 9, 9, 0)] * 10, "RGBA")

    assert colors_of(image) == ["#000000", "#ff0000"]


def test_up_to_32_colors_are_labels_and_33_are_refused_with_a_way_out():
    assert len(colors_of(reds(32))) == 32

    with pytest.raises(ImageUnreadable, match=r"more than 32 colors.*indexed PNG"):
        colors_of(reds(33))


def test_a_soft_mask_is_divided_at_half_brightness():
    image = stripes(list(range(256)), "L")

    label_map = decode_label_map(encode(image, "PNG"))

    assert label_colors(label_map) == ["#000000", "#ffffff"]
    assert label_map.getpixel((127, 3)) == (0, 0, 0)
    assert label_map.getpixel((128, 3)) == (255, 255, 255)


def test_a_few_levels_of_gray_are_labels():
    assert colors_of(stripes([0, 128, 255] * 10, "L")) == [
        "#000000",
        "#808080",
        "#ffffff",
    ]


def test_the_process_apart_tells_the_same():
    assert label_colors_apart(encode(reds(20), "PNG"), 10**6) == colors_of(reds(20))
    with pytest.raises(ImageUnreadable, match="more than 32 colors"):
        label_colors_apart(encode(reds(33), "PNG"), 10**6)
