"""What a decoded picture looks like: upright, sRGB, 8 bits, opaque."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PIL import Image, ImageCms

from shared.errors import ImageUnreadable
from shared.images.inspect import decode_rgb, inspect_image
from tests.support.images import encode, picture

MAX_PIXELS = 64 * 2**20


def test_a_broken_exif_block_does_not_spoil_a_good_picture():
    data = encode(
        picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xee" * 40
    )

    assert inspect_image(data, MAX_PIXELS).width == 40
    assert decode_rgb(data).size == (40, 30)


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    clear.putpixel((3, 3), (0, 0, 255, 255))
    clear.putpixel((4, 4), (0, 0, 0, 128))

    flat = decode_rgb(encode(clear, "PNG"))

    assert flat.getpixel((0, 0)) == (255, 255, 255)
    assert flat.getpixel((3, 3)) == (0, 0, 255)
    assert flat.getpixel((4, 4)) == (127, 127, 127)


def test_a_palette_with_a_transparent_entry_is_laid_on_white():
    image = Image.new("P", (40, 30), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((3, 3), 1)

    flat = decode_rgb(encode(image, "PNG", transparency=bytes([0, 255])))

    assert flat.getpixel((0, 0)) == (255, 255, 255)
    assert flat.getpixel((3, 3)) == (0, 255, 0)


def test_gray_with_alpha_is_laid_on_white():
    flat = decode_rgb(encode(Image.new("LA", (40, 30), (0, 0)), "PNG"))

    assert flat.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_gray_becomes_equal_channels(mode):
    red, green, blue = decode_rgb(encode(picture(mode), "PNG")).getpixel((20, 15))

    assert red == green == blue


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_upper_eight(kind):
    deep = Image.new("I;16", (40, 30), 0x8040)

    assert decode_rgb(encode(deep, kind)).getpixel((5, 5)) == (0x80, 0x80, 0x80)


def test_big_endian_sixteen_bits_are_read_the_right_way_round():
    deep = Image.frombytes("I;16B", (40, 30), b"\x80\x40" * 1200)

    assert decode_rgb(encode(deep, "TIFF")).getpixel((5, 5)) == (0x80, 0x80, 0x80)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_converted_plainly(kind):
    cyan = Image.new("CMYK", (40, 30), (255, 0, 0, 0))

    red, green, blue = decode_rgb(encode(cyan, kind)).getpixel((5, 5))

    assert red < 10
    assert green > 240
    assert blue > 240


def test_floating_point_pixels_are_refused():
    with pytest.raises(ImageUnreadable, match="'F'"):
        inspect_image(encode(Image.new("F", (40, 30), 0.5), "TIFF"), MAX_PIXELS)


def swapped_profile() -> bytes:
    """sRGB with red and green exchanged: converting with it must show."""
    profile = bytearray(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    red, green = profile.index(b"rXYZ", 128), profile.index(b"gXYZ", 128)
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_color_profile_is_applied(kind):
    green = Image.new("RGB", (40, 30), (0, 255, 0))

    plain = decode_rgb(encode(green, kind))
    managed = decode_rgb(encode(green, kind, icc_profile=swapped_profile()))

    assert plain.getpixel((5, 5))[1] > 240
    assert managed.getpixel((5, 5))[0] > 240
    assert managed.getpixel((5, 5))[1] < 60


def test_a_profile_keeps_the_transparency():
    clear = Image.new("RGBA", (40, 30), (0, 255, 0, 0))

    flat = decode_rgb(encode(clear, "PNG", icc_profile=swapped_profile()))

    assert flat.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200]])
def test_a_broken_profile_is_ignored(profile):
    data = encode(Image.new("RGB", (40, 30), (9, 99, 199)), "PNG", icc_profile=profile)

    assert decode_rgb(data).getpixel((5, 5)) == (9, 99, 199)


def test_a_profile_of_another_color_space_is_ignored():
    gray = encode(Image.new("L", (40, 30), 77), "PNG", icc_profile=swapped_profile())

    assert decode_rgb(gray).getpixel((5, 5)) == (77, 77, 77)


def test_pillows_warnings_are_not_printed(tmp_path):
    broken = b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xee" * 40
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(picture(), "JPEG", exif=broken))
    opening = (
        "import sys; from PIL import Image; image = Image.open(sys.argv[1]); "
        "image.getexif(); image.close()"
    )
    muted = f"import shared.images.decode; {opening}"

    loud, quiet = (
        subprocess.run(
            [sys.executable, "-W", "always", "-c", program, path],
            check=True,
            capture_output=True,
            text=True,
        ).stderr
        for program in (opening, muted)
    )

    assert "Warning" in loud
    assert quiet == ""
