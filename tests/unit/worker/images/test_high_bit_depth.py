"""Pictures of 16 bits per channel are read with all their bits."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import pyvips
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.errors import ImageTooLarge, ImageUnreadable
from shared.images.inspect import decode_rgb, inspect_image
from tests.support.images import encode, picture
from tests.support.sixteen_bit_images import chunk, deep_png, deep_tiff, noise
from worker.images.high_bit_depth import decode_high_bit_depth
from worker.images.load import read_picture

MAX_PIXELS = 64 * 2**20


def assert_same(deep, levels):
    colors = 3 if levels.shape[2] > 2 else 1
    assert np.array_equal(deep.levels, levels[..., :colors])
    if levels.shape[2] in {2, 4}:
        assert np.array_equal(deep.alpha, levels[..., -1])
    else:
        assert deep.alpha is None


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_bit_of_every_channel(channels, interlaced):
    levels = noise(channels)
    data = deep_png(levels, interlaced=interlaced)

    inspect_image(data, MAX_PIXELS)

    assert_same(decode_high_bit_depth(data), levels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("channels", "layout"),
    [
        *((channels, {}) for channels in (1, 3, 4)),
        *((channels, {"deflated": True}) for channels in (1, 3, 4)),
        *((channels, {"in_planes": True}) for channels in (3, 4)),
        *((channels, {"in_planes": True, "deflated": True}) for channels in (3, 4)),
    ],
    ids=str,
)
def test_tiff_keeps_every_bit_in_either_byte_order(channels, layout, order):
    levels = noise(channels)
    alpha = {"tag_338": 2} if channels == 4 else {}
    data = deep_tiff(levels, order, **layout, **alpha)

    inspect_image(data, MAX_PIXELS)

    assert_same(decode_high_bit_depth(data), levels)


def test_a_fourth_channel_that_means_nothing_is_left_out():
    levels = noise(4)

    deep = decode_high_bit_depth(deep_tiff(levels, tag_338=0))

    assert deep.alpha is None
    assert np.array_equal(deep.levels, levels[..., :3])


def test_colors_that_were_multiplied_by_alpha_are_divided_again():
    plain, alpha = np.uint16(20_000), np.uint16(32_768)
    levels = np.full((20, 20, 4), plain * (32_768 / 65_535), np.uint16)
    levels[..., 3] = alpha

    deep = decode_high_bit_depth(deep_tiff(levels, tag_338=1))

    assert abs(deep.levels.astype(int) - plain).max() <= 1
    assert (deep.alpha == alpha).all()


def test_where_white_is_zero_gray_is_turned_around():
    levels = noise(1)

    assert_same(
        decode_high_bit_depth(deep_tiff(levels, photometric=0)), 65_535 - levels
    )


def test_twelve_bits_reach_from_black_to_white():
    row = np.array([0, 0xFFF, 0x800, 0], np.uint16)  # two numbers in three bytes
    packed = b"".join(
        struct.pack(">I", (int(a) << 12 | int(b)) << 8)[:3]
        for a, b in row.reshape(2, 2)
    )
    levels = np.zeros((16, 16, 1), np.uint16)
    data = bytearray(deep_tiff(levels))
    start = data.index(struct.pack("<HHIH", 258, 3, 1, 16))
    data[start + 8] = 12
    data[8 : 8 + 16 * 24] = packed * 4 * 16  # 16 rows of 16 numbers

    deep = decode_high_bit_depth(bytes(data))

    assert deep.levels[0, :4, 0].tolist() == [0, 65_535, 32_775, 0]


def test_the_one_color_that_png_may_call_transparent_is_compared_in_full():
    levels = np.full((20, 20, 3), 0x1234, np.uint16)
    levels[3, 3] = 0x1235  # the same in its upper bytes
    key = chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x1234, 0x1234))

    deep = decode_high_bit_depth(deep_png(levels, key))

    assert deep.alpha[3, 3] == 65_535
    assert deep.alpha[0, 0] == 0


def test_a_gray_that_png_calls_transparent_is_so():
    levels = np.full((20, 20, 1), 7, np.uint16)
    levels[3, 3] = 8

    deep = decode_high_bit_depth(deep_png(levels, chunk(b"tRNS", struct.pack(">H", 7))))

    assert (deep.alpha[3, 3], deep.alpha[0, 0]) == (65_535, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pictures_of_eight_bits_are_not_deep(kind, mode):
    assert decode_high_bit_depth(encode(picture(mode), kind)) is None


def test_cmyk_of_sixteen_bits_is_left_to_eight():
    data = deep_tiff(noise(4), photometric=5)

    assert decode_high_bit_depth(data) is None
    assert decode_rgb(data).size == (40, 30)


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_half_a_deep_png_is_refused(channels, kept):
    data = deep_png(noise(channels, (90, 60)))
    half = data[: int(len(data) * kept)]

    with pytest.raises(ImageUnreadable):
        inspect_image(half, MAX_PIXELS)
    with pytest.raises(ImageUnreadable):
        read_picture(half, 90, torch.device("cpu"))


@pytest.mark.parametrize("deflated", [False, True])
def test_a_deep_tiff_whose_pixels_end_early_is_refused(deflated):
    levels = noise(3)
    data = bytearray(deep_tiff(levels, deflated=deflated))
    start = data.index(struct.pack("<HHI", 257, 3, 1)) + 8
    data[start : start + 2] = struct.pack("<H", 3_000)  # rows, of which 30 are there

    with pytest.raises(ImageUnreadable):
        inspect_image(bytes(data), MAX_PIXELS)
    with pytest.raises(ImageUnreadable):
        read_picture(bytes(data), 90, torch.device("cpu"))


def test_a_picture_that_only_pillow_can_decode_is_read_at_eight_bits():
    levels = noise(3)
    data = bytearray(deep_png(levels))
    data[data.index(b"IEND") - 8] ^= 1  # checksum of the pixels

    assert decode_high_bit_depth(bytes(data)) is None
    tensor = read_picture(bytes(data), 40, torch.device("cpu")).tensor
    expected = torch.from_numpy((levels >> 8) / np.float32(255)).permute(2, 0, 1)[None]
    assert torch.equal(tensor, expected)


@settings(max_examples=200)
@given(
    data=st.sampled_from(
        [deep_png(noise(3)), deep_png(noise(4), interlaced=True),
         deep_tiff(noise(3), deflated=True), deep_tiff(noise(1), ">")]
    ),
    place=st.integers(-400, 399),
    byte=st.integers(0, 255),
)  # fmt: skip
def test_what_an_upload_may_be_can_be_painted(data, place, byte):
    damaged = bytearray(data)
    damaged[place] = byte
    try:
        inspect_image(bytes(damaged), MAX_PIXELS)
    except (ImageUnreadable, ImageTooLarge):
        return

    assert read_picture(bytes(damaged), 90, torch.device("cpu")).tensor.shape[1] == 3


def test_no_decoded_picture_stays_in_memory():
    decode_high_bit_depth(deep_png(noise(3)))

    assert pyvips.cache_get_size() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_picture_is_turned_upright(orientation):
    levels = noise(3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = deep_png(levels, chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))

    from_png = decode_high_bit_depth(data).levels
    from_tiff = decode_high_bit_depth(deep_tiff(levels, tag_274=orientation)).levels

    turned = {
        1: levels,
        2: levels[:, ::-1],
        3: levels[::-1, ::-1],
        4: levels[::-1],
        5: levels.swapaxes(0, 1),
        6: np.rot90(levels, -1),
        7: levels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(levels, 1),
    }[orientation]
    assert np.array_equal(from_png, turned)
    assert np.array_equal(from_tiff, turned)
