"""Which pictures are taken, and why others are not."""

from __future__ import annotations

import hashlib
import resource
import struct
import zlib

import pytest
from PIL import Image

from shared.errors import ImageTooLarge, ImageUnreadable
from shared.images.inspect import ImageInfo, decode_rgb, inspect_image
from shared.settings import Settings
from tests.support.images import encode, picture

MAX_PIXELS = 64 * 2**20


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def webp_header(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"\x2f" + struct.pack("<I", bits) + bytes(64)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
    ],
)
def test_a_picture_of_each_format_is_taken(kind, media_type):
    data = encode(picture(), kind)

    assert inspect_image(data, MAX_PIXELS) == ImageInfo(media_type, 40, 30)
    assert decode_rgb(data).size == (40, 30)
    assert decode_rgb(data).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "ICO", "PPM"])
def test_other_formats_are_refused_with_the_list_of_those_taken(kind):
    with pytest.raises(ImageUnreadable) as caught:
        inspect_image(encode(picture(), kind), MAX_PIXELS)

    assert "PNG, JPEG, WebP" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello, this is text",
        b"%PDF-1.7 ...",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"II*\x00\x08\x00\x00\x00",
        b"RIFF\x00\x00\x00\x00WEBP",
        bytes(10_000),
    ],
)
def test_bytes_that_are_no_picture_are_refused(data):
    with pytest.raises(ImageUnreadable) as caught:
        inspect_image(data, MAX_PIXELS)

    assert caught.value.hint


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind, kept):
    noise = Image.effect_noise((200, 150), 80).convert("RGB")
    data = encode(noise, kind)

    with pytest.raises(ImageUnreadable):
        inspect_image(data[: int(len(data) * kept)], MAX_PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_header(50_000, 50_000), id="png"),
        pytest.param(png_header(2**31 - 1, 2**31 - 1), id="png-max"),
        pytest.param(png_header(9_000, 9_000), id="png-below-pillows-own-limit"),
        pytest.param(png_header(12_000, 12_000), id="png-of-pillows-warning"),
        pytest.param(webp_header(16_383, 16_383), id="webp"),
    ],
)
def test_a_decompression_bomb_is_refused_without_memory(data):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(ImageTooLarge):
        inspect_image(data, MAX_PIXELS)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_one_pixel_too_many_is_too_many_and_the_message_says_how_many():
    data = encode(picture(size=(100, 100)), "PNG")

    assert inspect_image(data, 10_000).width == 100
    with pytest.raises(
        ImageTooLarge, match=r"100 x 100 is 10,000 pixels; at most 9,999"
    ):
        inspect_image(data, 9_999)


def test_a_photo_of_8192_x_6144_pixels_is_taken_by_default_and_64_megapixels_are_most():
    most = Settings().max_pixels

    photo = encode(Image.new("L", (8192, 6144), 128), "JPEG")
    assert inspect_image(photo, most).width == 8192
    with pytest.raises(ImageTooLarge, match="at most 67,108,864"):
        inspect_image(png_header(8193, 8192), most)


def test_a_header_that_promises_more_than_there_is_is_refused():
    with pytest.raises(ImageUnreadable, match="damaged or incomplete"):
        inspect_image(png_header(3_000, 3_000), MAX_PIXELS)


def test_a_text_chunk_that_unpacks_to_gigabytes_is_refused():
    whole = encode(picture(), "PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = whole[:33] + chunk + whole[33:]

    with pytest.raises(ImageUnreadable):
        inspect_image(data, MAX_PIXELS)


@pytest.mark.parametrize("size", [(1, 1), (15, 40), (40, 15)])
def test_a_tiny_picture_is_refused(size):
    with pytest.raises(ImageUnreadable, match="at least 16"):
        inspect_image(encode(picture(size=size), "PNG"), MAX_PIXELS)


def test_a_long_thin_strip_is_refused():
    with pytest.raises(ImageUnreadable, match="8 times"):
        inspect_image(encode(picture(size=(900, 100)), "PNG"), MAX_PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_animation_is_refused_with_the_reason(kind):
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    with pytest.raises(ImageUnreadable, match="animation"):
        inspect_image(data, MAX_PIXELS)


@pytest.mark.parametrize("kind", ["TIFF", "MPO"])
def test_of_a_file_of_several_pictures_the_first_counts(kind):
    red, blue = (Image.new("RGB", (40, 30), color) for color in ("red", "blue"))
    data = encode(red, kind, save_all=True, append_images=[blue])

    assert inspect_image(data, MAX_PIXELS).height == 30
    assert decode_rgb(data).getpixel((5, 5))[0] > 200


def test_a_png_with_one_flipped_byte_is_refused():
    noise = Image.frombytes("RGB", (90, 60), hashlib.shake_256(b"").digest(90 * 60 * 3))
    data = encode(noise, "PNG")
    for place in (200, len(data) // 2, len(data) - 100):
        flipped = bytes([data[place] ^ 1])

        with pytest.raises(ImageUnreadable, match="damaged"):
            inspect_image(data[:place] + flipped + data[place + 1 :], 10**6)
