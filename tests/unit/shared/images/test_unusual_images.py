"""Pictures that are legal, or nearly so, and seldom seen."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from shared.errors import ImageUnreadable
from shared.images.inspect import decode_rgb, inspect_image
from tests.support.icc_profiles import by_tables, colored
from tests.support.images import encode, picture
from tests.support.sixteen_bit_images import chunk, deep_png, icc_chunk, noise

MAX_PIXELS = 64 * 2**20
FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("color", ["black", "gray", "white"])
def test_a_picture_of_one_color_is_that_color(kind, color):
    flat = Image.new("RGB", (64, 48), color)

    data = encode(flat, kind)

    assert inspect_image(data, MAX_PIXELS).width == 64
    assert decode_rgb(data).getpixel((9, 9)) == pytest.approx(
        flat.getpixel((9, 9)), abs=2
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_that_is_transparent_everywhere_is_refused(kind):
    data = encode(Image.new("RGBA", (40, 30), (200, 0, 0, 0)), kind)

    with pytest.raises(ImageUnreadable, match="transparent everywhere") as caught:
        inspect_image(data, MAX_PIXELS)

    assert caught.value.hint


def test_a_palette_and_gray_may_be_transparent_everywhere_too():
    palette = encode(picture("P").point(lambda _: 0), "PNG", transparency=0)
    gray = encode(Image.new("LA", (40, 30), (9, 0)), "PNG")

    for data in (palette, gray):
        with pytest.raises(ImageUnreadable, match="transparent everywhere"):
            inspect_image(data, MAX_PIXELS)


def test_one_visible_pixel_is_enough():
    image = Image.new("RGBA", (40, 30), (200, 0, 0, 0))
    image.putpixel((3, 3), (200, 0, 0, 1))

    assert inspect_image(encode(image, "PNG"), MAX_PIXELS).width == 40


def test_a_transparent_color_of_sixteen_bits_is_not_looked_for_among_eight():
    white = noise(3) | 0xFF00
    key = chunk(b"tRNS", struct.pack(">3H", 0x0100, 0x0100, 0x0100))

    assert inspect_image(deep_png(white, key), MAX_PIXELS).width == 40


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_the_profile_of_cmyk_is_applied(kind):
    cyan = Image.new("CMYK", (40, 30), (255, 0, 0, 0))
    pink = by_tables(b"CMYK", 4, (128, 190, 128))

    managed = decode_rgb(encode(cyan, kind, icc_profile=pink)).getpixel((5, 5))

    assert managed == pytest.approx((209, 60, 122), abs=3)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_profile_of_rgb_on_cmyk_is_ignored(kind):
    cyan = Image.new("CMYK", (40, 30), (255, 0, 0, 0))

    plain, odd = encode(cyan, kind), encode(cyan, kind, icc_profile=colored())

    assert decode_rgb(odd).getpixel((5, 5)) == decode_rgb(plain).getpixel((5, 5))


@pytest.mark.parametrize("size", [(16, 128), (128, 16)])
def test_the_longest_strip_that_is_taken_is_eight_to_one(size):
    assert inspect_image(encode(picture(size=size), "PNG"), MAX_PIXELS).width == size[0]


def test_a_profile_that_unpacks_to_gigabytes_is_refused():
    data = deep_png(noise(3), icc_chunk(bytes(80_000_000)))

    with pytest.raises(ImageUnreadable):
        inspect_image(data, MAX_PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_picture_with_megabytes_of_metadata_is_taken(kind):
    comment = bytes(range(1, 201)) * 50_000  # 10 MB
    exif = Image.Exif()
    if kind == "PNG":
        whole = encode(picture(), kind)
        data = whole[:33] + chunk(b"prVt", comment) + whole[33:]
    elif kind == "JPEG":
        whole = encode(picture(), kind)
        segment = b"\xff\xfe" + struct.pack(">H", 60_002) + comment[:60_000]
        data = whole[:2] + segment * 160 + whole[2:]
    else:
        exif[0x010E] = comment.decode("latin-1")
        data = encode(picture(), kind, exif=exif)

    assert len(data) > 9_000_000
    assert inspect_image(data, MAX_PIXELS).width == 40
    assert decode_rgb(data).size == (40, 30)


def test_a_tiff_whose_header_promises_more_rows_than_it_has_is_refused():
    data = bytearray(encode(picture(), "TIFF"))
    place = data.index(struct.pack("<HHI", 257, 4, 1)) + 8
    assert data[place : place + 4] == struct.pack("<I", 30)
    data[place : place + 4] = struct.pack("<I", 300)

    with pytest.raises(ImageUnreadable, match="damaged or incomplete"):
        inspect_image(bytes(data), MAX_PIXELS)
