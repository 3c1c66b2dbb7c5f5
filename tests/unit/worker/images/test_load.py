"""What the engine gets of a stored picture, and what is kept beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from shared.images.inspect import convert_to_srgb, decode_rgb
from tests.support.icc_profiles import by_tables, colored, gamma, gray
from tests.support.images import encode, picture
from tests.support.sixteen_bit_images import deep_png, deep_tiff, icc_chunk, noise
from worker.engine.images.tensors import to_tensor
from worker.images.load import read_picture

CPU = torch.device("cpu")
EDGE = 512


def pixels(data, edge=EDGE):
    """(H, W, 3), as the engine gets it."""
    tensor = read_picture(data, edge, CPU).tensor
    assert (tensor.dtype, tensor.is_contiguous()) == (torch.float32, True)
    return tensor[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("write", [deep_png, deep_tiff])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_reach_the_engine(write, channels):
    levels = noise(channels)

    assert np.array_equal(
        np.rint(pixels(write(levels)) * 65535),
        np.broadcast_to(levels, (30, 40, 3)),
    )


def test_eight_bits_reach_the_engine_as_ever():
    data = encode(picture(size=(200, 150)), "JPEG", quality=95)
    shrunk = decode_rgb(data)
    shrunk.thumbnail((64, 64), Image.Resampling.LANCZOS)

    assert torch.equal(read_picture(data, 64, CPU).tensor, to_tensor(shrunk, CPU))


def test_sixteen_bits_are_shrunk_like_eight_but_not_rounded():
    shallow = picture(size=(200, 150))
    levels = np.asarray(shallow).astype(np.uint16) * 257

    deep = pixels(deep_png(levels), 64)

    assert abs(deep - pixels(encode(shallow, "PNG"), 64)).max() * 255 < 2
    assert len(np.unique(deep)) > 256


def test_a_shrunk_picture_stays_between_black_and_white():
    edge = np.zeros((90, 90, 3), np.uint16)
    edge[:, 45:] = 65535

    shrunk = pixels(deep_png(edge), 40)

    assert (shrunk.min(), shrunk.max()) == (0, 1)


@pytest.mark.parametrize("level", [0, 0x8080, 65535])
def test_a_picture_of_one_level_stays_so(level):
    flat = np.full((30, 40, 3), level, np.uint16)

    assert np.allclose(pixels(deep_png(flat), 24), level / 65535, atol=1e-6)


def test_transparency_is_laid_on_white_and_kept():
    levels = np.zeros((20, 20, 4), np.uint16)
    levels[:, :10, 3] = 0x4000

    read = read_picture(deep_png(levels), EDGE, CPU)

    assert read.alpha[0, 0] == pytest.approx(0x4000 / 65535)
    assert read.tensor[0, 0, 0, 0] == pytest.approx(1 - 0x4000 / 65535)
    assert (read.alpha[0, 15], read.tensor[0, 0, 0, 15]) == (0, 1)


@pytest.mark.parametrize(
    "data",
    [
        encode(Image.new("RGBA", (40, 30), (9, 9, 9, 128)), "PNG"),
        encode(Image.new("RGBA", (40, 30), (9, 9, 9, 128)), "WEBP", lossless=True),
        encode(Image.new("RGBA", (40, 30), (9, 9, 9, 128)), "TIFF"),
        encode(Image.new("RGBA", (40, 30), (9, 9, 9, 128)), "AVIF"),
        encode(Image.new("LA", (40, 30), (9, 128)), "PNG"),
        encode(picture("P").point(lambda _: 1), "PNG", transparency=b"\0\x80"),
        deep_png(np.full((30, 40, 2), 0x8080, np.uint16)),
    ],
    ids=["png", "webp", "tiff", "avif", "gray", "palette", "sixteen"],
)
def test_every_kind_of_transparency_is_kept(data):
    alpha = read_picture(data, EDGE, CPU).alpha

    assert alpha.shape == (30, 40)
    assert alpha == pytest.approx(128 / 255, abs=0.002)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_that_hides_nothing_is_none(mode):
    opaque = encode(picture().convert(mode), "PNG")

    assert read_picture(opaque, EDGE, CPU).alpha is None


def test_a_profile_of_curves_is_applied_without_loss():
    ramp = np.arange(30 * 40 * 3, dtype=np.uint16).reshape(30, 40, 3) + 20_000
    data = deep_png(ramp, icc_chunk(colored()))

    converted = pixels(data)

    assert len(np.unique(converted)) > 3000
    shallow = Image.fromarray((ramp >> 8).astype(np.uint8))
    theirs = np.asarray(convert_to_srgb(shallow, colored()), int)
    assert abs(converted * 255 - theirs).max() < 3


def test_gray_of_sixteen_bits_has_its_profile_applied():
    levels = np.full((20, 20, 1), 0x4000, np.uint16)

    darker = pixels(deep_png(levels, icc_chunk(gray(gamma(3.0)))))

    linear = (0x4000 / 65535) ** 3
    expected = (
        12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    )
    assert darker == pytest.approx(expected, abs=1e-4)


def test_a_profile_of_tables_is_applied_at_eight_bits():
    data = deep_png(noise(3), icc_chunk(by_tables(b"RGB ", 3, (128, 190, 128))))

    converted = pixels(data) * 255

    assert np.array_equal(converted, np.rint(converted))
    assert converted[0, 0] == pytest.approx((209, 60, 122), abs=80)


@pytest.mark.parametrize(
    "profile",
    [b"nonsense", colored()[:200], gray(gamma(3.0))],
    ids=["no", "cut", "gray"],
)
def test_a_broken_or_foreign_profile_costs_no_bits(profile):
    levels = noise(3)

    seen = pixels(deep_png(levels, icc_chunk(profile)))

    assert np.array_equal(np.rint(seen * 65535), levels)


def test_the_profile_is_kept_for_the_result():
    profile = colored()

    deep = read_picture(deep_png(noise(3), icc_chunk(profile)), EDGE, CPU)
    shallow = read_picture(encode(picture(), "JPEG", icc_profile=profile), EDGE, CPU)

    assert deep.profile == shallow.profile == profile
