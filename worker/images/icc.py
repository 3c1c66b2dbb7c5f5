"""ICC profiles of primaries and curves, in floating point: to sRGB and back.

Profiles of cameras, screens and working spaces are of this kind. Those of printers and
scanners contain tables instead, which Pillow's Little CMS reads, at 8 bits. Numbers of
sections are those of ICC.1:2022.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageCms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Colors = NDArray[np.float32]

_HEADER_BYTES = 128
_MAX_TAGS = 100  # real profiles have about 20
_SAMPLES = 65536  # samples of an inverted curve: as many as 16 bits have levels
_ROOT = 2.4  # near the gamma of most curves
_ROWS = 64  # rows converted at a time, since intermediate values are float64
_TABLE_TAGS = frozenset({b"A2B0", b"A2B1", b"D2B0", b"D2B1"})
_CURVE_TAGS = {b"RGB ": (b"rTRC", b"gTRC", b"bTRC"), b"GRAY": (b"kTRC",)}
_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_PARAMETERS = (1, 3, 4, 5, 7)  # numbers of parameters of a curve, by its type
_MAX_GAMMA = 16  # real profiles have at most 3
_SMALLEST_DETERMINANT = 1e-6
_DATE = slice(24, 36)


class ProfileBroken(ValueError):
    """The bytes are not a profile, or a necessary part is missing or wrong."""


class ProfileHasTables(ValueError):
    """The profile is valid, but has tables instead of primaries and curves."""


@dataclass(frozen=True, slots=True)
class Profile:
    """ICC profile of primaries and curves.

    Attributes:
        curves: Curves from value to linear light, sampled from 0 to 1, one per channel.
        matrix: Matrix (3, 3) of linear light to XYZ under D50; None for gray.
        data: Bytes of the profile.
    """

    curves: tuple[Floats, ...]
    matrix: Floats | None
    data: bytes

    @property
    def channels(self) -> int:
        """Number of channels: 3 for colors, 1 for gray."""
        return len(self.curves)

    @property
    def is_reversible(self) -> bool:
        """Whether each sRGB color inside the gamut has a value in this profile."""
        if self.matrix is None or _is_flat(self.matrix):
            return False
        return all(
            np.all(np.diff(curve) >= 0) and curve[-1] > curve[0]
            for curve in self.curves
        )


def _is_flat(matrix: Floats) -> bool:
    return bool(abs(np.linalg.det(matrix)) < _SMALLEST_DETERMINANT)


def read_profile(data: bytes) -> Profile:
    """Read an ICC profile.

    Raises:
        ProfileBroken: The profile cannot be read.
        ProfileHasTables: The profile holds tables instead of primaries and curves.
    """
    try:
        return _read(data)
    except (struct.error, KeyError, IndexError) as error:
        raise ProfileBroken(f"no whole ICC profile: {error}") from error


@cache
def srgb() -> Profile:
    """Return the sRGB profile of Little CMS, with a fixed date, so always the same."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = bytearray(profile)
    data[_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return read_profile(bytes(data))


def to_srgb(colors: Colors, profile: Profile) -> Colors:
    """Convert (H, W, 3) or gray (H, W, 1) from 0 to 1 into sRGB, (H, W, 3).

    The conversion is relative to white, without black point compensation. Colors
    outside sRGB are clamped.
    """
    if profile.matrix is None:
        matrix = np.ones((1, 3))  # gray has the hue of white in every profile
    else:
        matrix = (np.linalg.inv(_matrix(srgb())) @ profile.matrix).T
    return _convert(colors, profile, matrix, srgb())


def from_srgb(colors: Colors, profile: Profile) -> Colors:
    """Convert sRGB, (H, W, 3) from 0 to 1, into a reversible profile.

    Raises:
        ValueError: The profile is for gray pictures.
    """
    matrix = (np.linalg.inv(_matrix(profile)) @ _matrix(srgb())).T
    return _convert(colors, srgb(), matrix, profile)


def _matrix(profile: Profile) -> Floats:
    if profile.matrix is None:
        raise ValueError("gray has no matrix")
    return profile.matrix


def _convert(
    colors: Colors, source: Profile, matrix: Floats, target: Profile
) -> Colors:
    """Convert values to light, apply the matrix, and convert to values, in blocks."""
    inverses = [_inverse(curve) for curve in target.curves]
    converted = np.empty((*colors.shape[:2], len(inverses)), np.float32)
    for top in range(0, len(colors), _ROWS):
        rows = colors[top : top + _ROWS]
        planes = [
            _interpolate(rows[..., index], curve)
            for index, curve in enumerate(source.curves)
        ]
        light = np.stack(planes, axis=-1) @ matrix
        roots = light.clip(0, 1) ** (1 / _ROOT)
        for index, inverse in enumerate(inverses):
            converted[top : top + _ROWS, :, index] = _interpolate(
                roots[..., index], inverse
            )
    return converted


def _inverse(curve: Floats) -> Floats:
    """Sample the inverse of a rising curve, at even steps of the root of the light.

    With even steps of the light, the steep beginning of most curves would lie between
    two samples.
    """
    light = np.linspace(0, 1, _SAMPLES) ** _ROOT
    return np.interp(light, curve, np.linspace(0, 1, len(curve)))


def _interpolate(values: Floats, table: Floats) -> Floats:
    """Interpolate in a table from 0 to 1; ten times as fast as `np.interp`."""
    position = values * (len(table) - 1)
    below = np.minimum(position.astype(np.int32), len(table) - 2)
    fraction = position - below
    interpolated: Floats = (1 - fraction) * table[below] + fraction * table[below + 1]
    return interpolated


def _read(data: bytes) -> Profile:
    space, connection = data[16:20], data[20:24]
    if data[36:40] != b"acsp":
        raise ProfileBroken("no ICC profile")
    tags = _tags(data)
    names = _CURVE_TAGS.get(space)
    if names is None or connection != b"XYZ " or _TABLE_TAGS & tags.keys():
        raise ProfileHasTables(f"a profile of {space!r} and {connection!r} by tables")
    curves = tuple(_curve(tags[name]) for name in names)
    if len(names) == 1:
        return Profile(curves, None, data)
    columns = [np.array(_fixed(tags[name][8:20], 3)) for name in _COLORANTS]
    return Profile(curves, np.stack(columns, axis=1), data)


def _tags(data: bytes) -> dict[bytes, bytes]:
    """Return the tags by name; section 7.3."""
    (count,) = struct.unpack_from(">I", data, _HEADER_BYTES)
    if count > _MAX_TAGS:
        raise ProfileBroken(f"{count} tags")
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(
            ">4sII", data, _HEADER_BYTES + 4 + 12 * index
        )
        if offset + size > len(data):
            raise ProfileBroken(f"tag {name!r} ends behind the file")
        tags[name] = data[offset : offset + size]
    return tags


def _curve(tag: bytes) -> Floats:
    """Return the samples of a curve: a table, a gamma or a formula; 10.6 and 10.18."""
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        return _formula(kind, _fixed(tag[12:], _PARAMETERS[kind]))
    if tag[:4] != b"curv":
        raise ProfileBroken(f"a curve of the kind {tag[:4]!r}")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return np.linspace(0, 1, 2)
    entries = struct.unpack_from(f">{count}H", tag, 12)
    if count == 1:
        return _formula(0, [entries[0] / 256])
    return np.divide(entries, 65535)


def _formula(kind: int, values: list[float]) -> Floats:
    """Evaluate a formula: (a X + b)^g + e above d, c X + f below; 10.18, table 68."""
    gamma, a, b, c, d, e, f = _all_parameters(kind, values)
    if not 0 < gamma <= _MAX_GAMMA:
        raise ProfileBroken(f"a curve with a gamma of {gamma:g}")
    x = np.linspace(0, 1, _SAMPLES)
    curved = np.maximum(a * x + b, 0) ** gamma + e
    sampled: Floats = np.where(x >= d, curved, c * x + f)
    return sampled.clip(0, 1)


def _all_parameters(kind: int, values: list[float]) -> tuple[float, ...]:
    """Return the seven parameters of type 4 for any type of formula."""
    gamma, a, b, c, d, e, f = values + [0.0] * (7 - len(values))
    if kind == 0:
        return gamma, 1, 0, 0, 0, 0, 0
    if kind in {1, 2}:  # flat below -b / a; type 2 adds its c everywhere
        if a == 0:
            raise ProfileBroken("a curve divides by zero")
        return gamma, a, b, 0, -b / a, c, c
    return gamma, a, b, c, d, e, f


def _fixed(data: bytes, count: int) -> list[float]:
    """Read numbers of type s15Fixed16Number; section 4.6."""
    return [value / 65536 for value in struct.unpack_from(f">{count}i", data)]
