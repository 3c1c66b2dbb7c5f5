"""Colors go to sRGB and back as Little CMS has it, but without rounding."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.images.inspect import convert_to_srgb as by_little_cms
from tests.support.icc_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB_CURVE,
    by_tables,
    colored,
    formula,
    gamma,
    gray,
    table,
)
from worker.images.icc import (
    ProfileBroken,
    ProfileHasTables,
    from_srgb,
    read_profile,
    srgb,
    to_srgb,
)

CURVES = {
    "srgb": SRGB_CURVE,
    "gamma": gamma(2.2),
    "linear": table(),
    "table": table(*(round(65535 * (i / 63) ** 1.8) for i in range(64))),
    "formula-0": formula(0, 1.8),
    "formula-1": formula(1, 2.0, 1.1, -0.1),
    "formula-2": formula(2, 2.0, 1.1, -0.1, 0.0),
    "formula-4": formula(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0, 0),
}


def levels(channels):
    return np.random.default_rng(1).integers(0, 256, (40, 50, channels), dtype=np.uint8)


def compared(data, given):
    """Largest difference to Little CMS, in levels of 8 bits."""
    picture = Image.fromarray(given[..., 0] if given.shape[2] == 1 else given)
    theirs = np.asarray(by_little_cms(picture, data), int)
    ours = to_srgb(given.astype(np.float32) / 255, read_profile(data))
    return abs(ours * 255 - theirs).max()


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())
def test_colors_become_those_of_little_cms(curve):
    assert compared(colored(DISPLAY_P3, curve), levels(3)) < 1.6


@pytest.mark.parametrize("name", CURVES.keys() - {"linear"})  # theirs is coarse
def test_grays_become_those_of_little_cms(name):
    assert compared(gray(CURVES[name]), levels(1)) < 1.6


@pytest.mark.parametrize(
    ("curve", "linear"),
    [(table(), 0.04), (formula(2, 2.0, 0.9, 0.0, 0.1), 0.1 + 0.036**2)],
)
def test_curves_that_little_cms_sees_otherwise_are_as_the_standard_says(curve, linear):
    there = to_srgb(np.full((1, 1, 1), 0.04, np.float32), read_profile(gray(curve)))

    assert there[0, 0, 0] == pytest.approx(
        1.055 * linear ** (1 / 2.4) - 0.055, abs=1e-4
    )


def test_srgb_itself_changes_nothing():
    colors = levels(3).astype(np.float32) / 255

    assert abs(to_srgb(colors, srgb()) - colors).max() < 1e-6


def test_the_way_there_and_back_loses_less_than_a_level_of_sixteen_bits():
    wide = read_profile(colored(ADOBE_RGB, gamma(2.2)))
    colors = np.random.default_rng(2).random((70, 50, 3), np.float32)

    back = to_srgb(from_srgb(colors, wide), wide)

    assert abs(back - colors).max() * 65535 < 1


def test_neighbors_among_sixteen_bits_stay_apart():
    ramp = np.repeat(np.arange(20_000, 20_500, dtype=np.float32), 3).reshape(1, -1, 3)

    there = to_srgb(ramp / 65535, read_profile(colored(DISPLAY_P3)))

    assert len(np.unique(there[..., 0])) == 500


def test_what_srgb_cannot_hold_is_cut():
    green = np.array([[[0, 1, 0]]], np.float32)

    there = to_srgb(green, read_profile(colored(DISPLAY_P3)))

    assert there[0, 0].tolist() == pytest.approx([0, 1, 0], abs=1e-6)


def test_srgb_has_the_same_bytes_at_any_time():
    srgb.cache_clear()
    first = srgb().data
    srgb.cache_clear()

    assert srgb().data == first
    assert struct.unpack(">6H", first[24:36]) == (2000, 1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense" * 40,
        colored()[:200],
        colored()[:-1],
        colored().replace(b"gTRC", b"none", 1),
        colored(curve=b"text" + bytes(12)),
        colored(curve=formula(7, 1.0)),
        colored(curve=formula(0, -1.0)),
        colored(curve=formula(0, 900.0)),
        colored(curve=formula(1, 2.0, 0.0, 1.0)),
        colored(curve=b"curv\0\0\0\0\xff\xff\xff\xff"),
    ],
    ids=range(11),
)
def test_a_broken_profile_is_told_as_such(data):
    with pytest.raises(ProfileBroken):
        read_profile(data)


def test_a_profile_that_counts_too_many_tags_is_broken():
    data = bytearray(colored())
    data[128:132] = b"\xff" * 4

    with pytest.raises(ProfileBroken, match="tags"):
        read_profile(bytes(data))


@given(st.integers(0, 559), st.integers(0, 255))
def test_one_wrong_byte_never_crashes(place, byte):
    data = bytearray(colored())
    data[place % len(data)] = byte

    try:
        profile = read_profile(bytes(data))
    except (ProfileBroken, ProfileHasTables):
        return
    there = to_srgb(np.ones((1, 1, profile.channels), np.float32), profile)
    assert np.isfinite(there).all()


@pytest.mark.parametrize("space", [b"CMYK", b"RGB "])
def test_tables_are_told_as_such(space):
    data = by_tables(space, 4 if space == b"CMYK" else 3, (128, 190, 128))

    with pytest.raises(ProfileHasTables):
        read_profile(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (colored(), True),
        (gray(gamma(2.2)), False),
        (colored(((0, 0, 0),) * 3), False),
        (colored(curve=table(65535, 0)), False),
        (colored(curve=table(500, 500)), False),
    ],
)
def test_only_some_profiles_can_be_converted_into(data, expected):
    assert read_profile(data).is_reversible is expected
