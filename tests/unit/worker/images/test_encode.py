"""Finished pictures: every format, depth and color as it was asked for."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms

from impasto.images.recipe_reader import read_recipe
from shared.images.inspect import convert_to_srgb
from shared.params.formats import FORMATS
from shared.params.style import StyleParams
from tests.support.icc_profiles import (
    DISPLAY_P3,
    by_tables,
    colored,
    gamma,
    gray,
    table,
)
from worker.images.encode import encode
from worker.images.high_bit_depth import decode_high_bit_depth
from worker.images.load import Picture, read_picture

RECIPE = json.dumps({"recipe": 1, "params": {"seed": 7}})
CPU = torch.device("cpu")
IMAGE = torch.rand((1, 3, 70, 90), generator=torch.Generator().manual_seed(0))
SMOOTH = torch.nn.functional.interpolate(IMAGE[..., :4, :5], (70, 90), mode="bicubic")
BOTH_DEPTHS = [(name, depth) for name, one in FORMATS.items()
               for depth in one.bit_depths]  # fmt: skip


def photo(alpha=None, profile=None):
    return Picture(torch.zeros(1, 3, 70, 90), alpha, profile)


def half_hidden():
    """(70, 90): hidden on the left, half so in the middle."""
    alpha = np.ones((70, 90), np.float32)
    alpha[:, :30], alpha[:, 30:60] = 0, 0.5
    return alpha


def written(image=IMAGE, like=None, recipe=RECIPE, **params):
    return encode(image, StyleParams(**params), like or photo(), recipe)


def opened(encoded):
    image = Image.open(BytesIO(encoded.data))
    image.load()
    return image


def is_srgb(image):
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    return "sRGB" in ImageCms.getProfileDescription(profile)


def levels_of(data):
    """(H, W, C) of a PNG, by the specification alone: a second implementation."""
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    packed, place = b"", 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        assert data[place + 8 + length :][:4] == struct.pack(
            ">I", zlib.crc32(name + body)
        )
        packed += body if name == b"IDAT" else b""
        place += length + 12
    channels = {2: 3, 6: 4}[color]
    pixel, stride = channels * depth // 8, width * channels * depth // 8
    raw, above, rows = zlib.decompress(packed), bytes(stride), []
    for top in range(0, len(raw), stride + 1):
        assert raw[top] == 4  # Paeth
        row = bytearray(raw[top + 1 : top + 1 + stride])
        for index in range(stride):
            left = row[index - pixel] if index >= pixel else 0
            corner = above[index - pixel] if index >= pixel else 0
            guess = left + above[index] - corner
            nearest = min(
                (left, above[index], corner), key=lambda each: abs(guess - each)
            )
            row[index] = (row[index] + nearest) & 255
        rows.append(bytes(row))
        above = row
    kind = ">u2" if depth == 16 else "u1"
    return np.frombuffer(b"".join(rows), kind).reshape(height, width, channels)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("alpha", [None, half_hidden()], ids=["opaque", "alpha"])
def test_a_png_holds_the_nearest_levels(depth, alpha):
    data = written(like=photo(alpha), bit_depth=depth).data

    levels = levels_of(data)

    most = 2**depth - 1
    exact = IMAGE[0].permute(1, 2, 0).double().numpy() * most
    assert abs(levels[..., :3] - exact).max() < 0.502
    if alpha is not None:
        assert abs(levels[..., 3] - alpha * most).max() <= 0.5


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_sixteen_bits_do_not_come_from_eight(name):
    ramp = torch.arange(70 * 90).view(1, 1, 70, 90).expand(1, 3, 70, 90) / 65535

    levels = decode_high_bit_depth(written(ramp, format=name, bit_depth=16).data).levels

    assert np.array_equal(levels[..., 0].ravel(), np.arange(6300))


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_pillow_reads_what_was_written(name, depth):
    encoded = written(SMOOTH, format=name, bit_depth=depth)

    image = opened(encoded)

    assert (image.format, image.mode) == (name.upper(), "RGB")
    assert image.size == (encoded.width, encoded.height) == (90, 70)
    assert encoded.warnings == ()
    expected = SMOOTH[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255
    lossy = name in {"jpeg", "webp"}
    assert abs(np.asarray(image) - expected).mean() < (3 if lossy else 0.6)


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_levels_are_clamped_before_they_are_rounded(name, depth):
    wild = torch.tensor([-0.7, 1.7, float("inf")]).view(1, 3, 1, 1).expand(1, 3, 70, 90)

    encoded = written(wild, format=name, bit_depth=depth)

    assert opened(encoded).getpixel((5, 5)) == pytest.approx((0, 255, 255), abs=3)


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_the_same_picture_has_the_same_bytes(name, depth):
    like = photo(half_hidden(), colored())

    first, second = (
        written(like=like, format=name, bit_depth=depth, color_profile="content")
        for _ in range(2)
    )

    assert first.data == second.data


@pytest.mark.parametrize(
    ("name", "depth"), [each for each in BOTH_DEPTHS if each[0] != "jpeg"]
)
def test_the_photos_transparency_comes_back(name, depth):
    encoded = written(SMOOTH, photo(half_hidden()), format=name, bit_depth=depth)

    image = opened(encoded)

    assert image.mode == "RGBA"
    assert image.getpixel((5, 5))[3] == 0
    assert image.getpixel((45, 5))[3] in {127, 128}
    assert image.getpixel((85, 5))[3] == 255
    painted = SMOOTH[0, :, 5, 5].clamp(0, 1).numpy() * 255
    assert image.getpixel((5, 5))[:3] == pytest.approx(painted, abs=9)


def test_a_jpeg_is_laid_on_white():
    image = opened(written(torch.zeros(1, 3, 70, 90), photo(half_hidden()),
                           format="jpeg"))  # fmt: skip

    assert image.getpixel((5, 5)) == pytest.approx((255, 255, 255), abs=2)
    assert image.getpixel((45, 5)) == pytest.approx((127, 127, 127), abs=2)
    assert image.getpixel((85, 5)) == pytest.approx((0, 0, 0), abs=2)


def test_transparency_grows_with_the_result():
    alpha = np.ones((7, 9), np.float32)
    alpha[:, :4] = 0

    image = opened(written(like=photo(alpha)))

    assert image.size == (90, 70)
    assert (image.getpixel((5, 35))[3], image.getpixel((85, 35))[3]) == (0, 255)


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_srgb_is_marked_as_such(name, depth):
    assert is_srgb(opened(written(format=name, bit_depth=depth)))


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_the_photos_profile_comes_back_with_its_colors(name, depth):
    profile = colored(DISPLAY_P3)
    like = photo(profile=profile)

    encoded = written(SMOOTH, like, format=name, bit_depth=depth,
                      color_profile="content")  # fmt: skip

    image = opened(encoded)
    assert image.info["icc_profile"] == profile
    plain = np.asarray(opened(written(SMOOTH, format=name)), int)
    assert abs(np.asarray(image) - plain).max() > 10  # other numbers,
    seen = np.asarray(convert_to_srgb(image, profile), int)
    lossy = name in {"jpeg", "webp"}
    assert abs(seen - plain).mean() < (3 if lossy else 0.6)  # the same colors


@pytest.mark.parametrize("depth", [8, 16])
def test_a_result_as_a_photo_again_is_the_same_picture(depth):
    profile = colored(DISPLAY_P3)
    encoded = written(SMOOTH, photo(half_hidden(), profile), bit_depth=depth,
                      color_profile="content")  # fmt: skip

    again = read_picture(encoded.data, 512, CPU)

    assert again.profile == profile
    assert abs(again.alpha - half_hidden()).max() < 1 / (2**depth - 1)
    visible = SMOOTH.clamp(0, 1)[..., 60:]
    # Dark colors of the one are far apart in the other: hence the mean.
    assert abs(again.tensor[..., 60:] - visible).mean() * (2**depth - 1) < 1


def test_a_photo_without_a_profile_gives_srgb_without_a_word():
    encoded = written(color_profile="content")

    assert is_srgb(opened(encoded))
    assert encoded.warnings == ()


@pytest.mark.parametrize(
    "profile",
    [
        b"nonsense",
        gray(gamma(2.2)),
        by_tables(b"CMYK", 4, (128, 190, 128)),
        colored(curve=table(65535, 0)),
    ],
    ids=["broken", "gray", "cmyk", "upside-down"],
)
def test_a_profile_that_cannot_be_gone_back_to_is_a_warning(profile):
    encoded = written(like=photo(profile=profile), color_profile="content")

    assert is_srgb(opened(encoded))
    ((code, message),) = encoded.warnings
    assert code == "profile-not-used"
    assert "sRGB" in message


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_the_recipe_is_in_the_file_where_others_look_for_it(name, depth, tmp_path):
    encoded = written(format=name, bit_depth=depth)

    path = tmp_path / "picture"
    path.write_bytes(encoded.data)
    assert read_recipe(path) == json.loads(RECIPE)
    image = opened(encoded)
    if name == "png":
        assert image.info["impasto"] == RECIPE
    elif name == "tiff":
        assert image.tag_v2[270] == RECIPE
    else:
        exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
        assert exif[ExifTags.Base.UserComment] == b"ASCII\0\0\0" + RECIPE.encode()


@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_without_a_recipe_there_is_no_text_in_the_file(name, depth):
    encoded = written(format=name, bit_depth=depth, recipe=None)

    assert b"impasto" not in encoded.data.lower()
    image = opened(encoded)
    assert not image.getexif() or name == "tiff"
    assert 270 not in image.getexif()
    assert not any(isinstance(value, str) for key, value in image.info.items()
                   if key != "compression")  # fmt: skip


def test_a_recipe_too_long_for_a_jpeg_is_left_out_with_a_warning():
    long = json.dumps({"recipe": 1, "schedule": "x" * 70_000})

    encoded = written(format="jpeg", recipe=long)

    assert not opened(encoded).getexif()
    assert [code for code, _ in encoded.warnings] == ["recipe-left-out"]
    assert opened(written(format="webp", recipe=long)).getexif()


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1), (65, 64)])
@pytest.mark.parametrize(("name", "depth"), BOTH_DEPTHS)
def test_results_of_any_size_can_be_read(name, depth, size):
    tiny = torch.nn.functional.interpolate(IMAGE, size)

    image = opened(written(tiny, format=name, bit_depth=depth))

    assert image.size == size[::-1]
