"""ICC profiles, written by hand: of known primaries and curves, and of tables."""

from __future__ import annotations

import struct

# Colorants under D50, of Display P3 and of Adobe RGB (1998), by columns.
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419),
              (0.1572, 0.0666, 0.7841))  # fmt: skip
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609),
             (0.1492, 0.0632, 0.7446))  # fmt: skip
WHITE = (0.9642, 1.0, 0.8249)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*values)


def gamma(exponent: float) -> bytes:
    """A curve by one number."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def table(*levels: int) -> bytes:
    """A curve by samples from 0 to 65535."""
    return b"curv\0\0\0\0" + struct.pack(f">I{len(levels)}H", len(levels), *levels)


def formula(kind: int, *values: float) -> bytes:
    """A curve by a formula: gamma, a, b, ..."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*values)


SRGB_CURVE = formula(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(
    tags: dict[bytes, bytes], space: bytes = b"RGB ", connection: bytes = b"XYZ "
) -> bytes:
    """Put tags into a profile."""
    tags = {b"wtpt": xyz(WHITE), **tags}
    directory, body = struct.pack(">I", len(tags)), b""
    behind = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        padded = tag + bytes(-len(tag) % 4)
        directory += struct.pack(">4sII", name, behind + len(body), len(tag))
        body += padded
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sI4sIQI12s",
        behind + len(body), b"test", 0x02400000, b"mntr", space, connection,
        bytes(12), b"acsp", bytes(4), 0, bytes(4), 0, 0, 0, fixed(*WHITE),
    )  # fmt: skip
    return header.ljust(128, b"\0") + directory + body


def colored(primaries: tuple = DISPLAY_P3, curve: bytes = SRGB_CURVE) -> bytes:
    """A profile of a screen or a working space."""
    columns = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    return profile(columns | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gray(curve: bytes) -> bytes:
    return profile({b"kTRC": curve}, b"GRAY")


def by_tables(space: bytes, inputs: int, lab: tuple[int, int, int]) -> bytes:
    """A profile of a printer that makes one color of everything, but has a black."""
    ink = space == b"CMYK"
    black = 2**inputs - 1 if ink else 0  # of the corners of its table, the darkest
    corners = [bytes(lab)] * 2**inputs
    corners[black] = bytes((0, 128, 128))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([inputs, 3, 2, 0])
    lut += fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += ramp * inputs + b"".join(corners) + ramp * 3
    return profile({b"A2B0": lut}, space, b"Lab ")
