from __future__ import annotations

import resource
import struct
import threading
import time
import warnings
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from shared.errors import ImageTooLarge, ImageUnreadable
from shared.images import PictureInfo, decode, inspect

MAX_PIXELS = 50_000_000


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.radial_gradient("L").resize(size).convert(mode)


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

    assert inspect(data, MAX_PIXELS) == PictureInfo(media_type, 40, 30)
    assert decode(data).size == (40, 30)
    assert decode(data).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "ICO", "PPM"])
def test_other_formats_are_refused_with_the_list_of_those_taken(kind):
    with pytest.raises(ImageUnreadable) as caught:
        inspect(encode(picture(), kind), MAX_PIXELS)

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
        inspect(data, MAX_PIXELS)

    assert caught.value.hint


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind, kept):
    noise = Image.effect_noise((200, 150), 80).convert("RGB")
    data = encode(noise, kind)

    with pytest.raises(ImageUnreadable):
        inspect(data[: int(len(data) * kept)], MAX_PIXELS)


def test_the_wrong_name_does_not_matter_only_the_bytes_do():
    data = encode(picture(), "WEBP")

    assert inspect(data, MAX_PIXELS).media_type == "image/webp"


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
def test_a_decompression_bomb_is_refused_at_once_and_without_memory(data):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()

    with pytest.raises(ImageTooLarge):
        inspect(data, MAX_PIXELS)

    assert time.monotonic() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_one_pixel_too_many_is_too_many_and_the_message_says_how_many():
    data = encode(picture(size=(100, 100)), "PNG")

    assert inspect(data, 10_000).width == 100
    with pytest.raises(
        ImageTooLarge, match=r"100 x 100 is 10,000 pixels; at most 9,999"
    ):
        inspect(data, 9_999)


def test_a_header_that_promises_more_than_there_is_is_refused():
    with pytest.raises(ImageUnreadable, match="damaged or incomplete"):
        inspect(png_header(3_000, 3_000), MAX_PIXELS)


def test_a_text_chunk_that_unpacks_to_gigabytes_is_refused():
    whole = encode(picture(), "PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = whole[:33] + chunk + whole[33:]

    with pytest.raises(ImageUnreadable):
        inspect(data, MAX_PIXELS)


@pytest.mark.parametrize("size", [(1, 1), (15, 40), (40, 15)])
def test_a_tiny_picture_is_refused(size):
    with pytest.raises(ImageUnreadable, match="at least 16"):
        inspect(encode(picture(size=size), "PNG"), MAX_PIXELS)


def test_a_long_thin_strip_is_refused():
    with pytest.raises(ImageUnreadable, match="8 times"):
        inspect(encode(picture(size=(900, 100)), "PNG"), MAX_PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_animation_is_refused_with_the_reason(kind):
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    with pytest.raises(ImageUnreadable, match="animation"):
        inspect(data, MAX_PIXELS)


@pytest.mark.parametrize("kind", ["TIFF", "MPO"])
def test_of_a_file_of_several_pictures_the_first_counts(kind):
    red, blue = (Image.new("RGB", (40, 30), color) for color in ("red", "blue"))
    data = encode(red, kind, save_all=True, append_images=[blue])

    assert inspect(data, MAX_PIXELS).height == 30
    assert decode(data).getpixel((5, 5))[0] > 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_lying_on_its_side_is_turned_upright(kind):
    lying = Image.new("RGB", (60, 40), "white")
    lying.paste("black", (0, 0, 30, 40))  # the left half of the sensor
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: left becomes top
    data = encode(lying, kind, exif=exif)

    info = inspect(data, MAX_PIXELS)
    upright = decode(data)

    assert (info.width, info.height) == upright.size == (40, 60)
    assert upright.getpixel((20, 10))[0] < 60
    assert upright.getpixel((20, 50))[0] > 200


def test_a_broken_exif_block_does_not_spoil_a_good_picture():
    data = encode(
        picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xee" * 40
    )

    assert inspect(data, MAX_PIXELS).width == 40
    assert decode(data).size == (40, 30)


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    clear.putpixel((3, 3), (0, 0, 255, 255))
    clear.putpixel((4, 4), (0, 0, 0, 128))

    flat = decode(encode(clear, "PNG"))

    assert flat.getpixel((0, 0)) == (255, 255, 255)
    assert flat.getpixel((3, 3)) == (0, 0, 255)
    assert flat.getpixel((4, 4)) == (127, 127, 127)


def test_a_palette_with_a_transparent_entry_is_laid_on_white():
    image = Image.new("P", (40, 30), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((3, 3), 1)

    flat = decode(encode(image, "PNG", transparency=bytes([0, 255])))

    assert flat.getpixel((0, 0)) == (255, 255, 255)
    assert flat.getpixel((3, 3)) == (0, 255, 0)


def test_gray_with_alpha_is_laid_on_white():
    flat = decode(encode(Image.new("LA", (40, 30), (0, 0)), "PNG"))

    assert flat.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_gray_becomes_equal_channels(mode):
    red, green, blue = decode(encode(picture(mode), "PNG")).getpixel((20, 15))

    assert red == green == blue


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_upper_eight(kind):
    deep = Image.new("I;16", (40, 30), 0x8040)

    assert decode(encode(deep, kind)).getpixel((5, 5)) == (0x80, 0x80, 0x80)


def test_big_endian_sixteen_bits_are_read_the_right_way_round():
    deep = Image.frombytes("I;16B", (40, 30), b"\x80\x40" * 1200)

    assert decode(encode(deep, "TIFF")).getpixel((5, 5)) == (0x80, 0x80, 0x80)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_converted_plainly(kind):
    cyan = Image.new("CMYK", (40, 30), (255, 0, 0, 0))

    red, green, blue = decode(encode(cyan, kind)).getpixel((5, 5))

    assert red < 10
    assert green > 240
    assert blue > 240


def test_floating_point_pixels_are_refused():
    with pytest.raises(ImageUnreadable, match="'F'"):
        inspect(encode(Image.new("F", (40, 30), 0.5), "TIFF"), MAX_PIXELS)


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

    plain = decode(encode(green, kind))
    managed = decode(encode(green, kind, icc_profile=swapped_profile()))

    assert plain.getpixel((5, 5))[1] > 240
    assert managed.getpixel((5, 5))[0] > 240
    assert managed.getpixel((5, 5))[1] < 60


def test_a_profile_keeps_the_transparency():
    clear = Image.new("RGBA", (40, 30), (0, 255, 0, 0))

    flat = decode(encode(clear, "PNG", icc_profile=swapped_profile()))

    assert flat.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200]])
def test_a_broken_profile_is_ignored(profile):
    data = encode(Image.new("RGB", (40, 30), (9, 99, 199)), "PNG", icc_profile=profile)

    assert decode(data).getpixel((5, 5)) == (9, 99, 199)


def test_a_profile_of_another_color_space_is_ignored():
    gray = encode(Image.new("L", (40, 30), 77), "PNG", icc_profile=swapped_profile())

    assert decode(gray).getpixel((5, 5)) == (77, 77, 77)


def test_pillows_warnings_stay_inside_even_with_many_threads():
    filters = list(warnings.filters)
    data = encode(picture(), "PNG")
    threads = [
        threading.Thread(target=lambda: [decode(data) for _ in range(20)])
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert warnings.filters == filters


def test_decoding_twice_gives_the_same_pixels():
    data = encode(Image.effect_noise((64, 48), 60).convert("RGB"), "JPEG")

    assert decode(data).tobytes() == decode(data).tobytes()
