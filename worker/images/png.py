"""Writer of PNG of 8 or 16 bits per channel: Pillow cannot write colors of 16.

Section numbers in this module are of the PNG specification, third edition (2025).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from worker.images.metadata import FileMetadata

    Levels = NDArray[np.uint8] | NDArray[np.uint16]
    Bytes = NDArray[np.uint8]

KEYWORD = b"impasto"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {3: 2, 4: 6}  # channels: RGB, RGBA
_PAETH = 4
_ROWS = 64  # filtered at a time
_GAMMA = 45455  # 1 / 2.2, for readers that do not know sRGB
_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def write_png(levels: Levels, metadata: FileMetadata) -> bytes:
    """Write (H, W, 3) or (H, W, 4) of uint8 or uint16."""
    height, width, channels = levels.shape
    depth, color_type = 8 * levels.itemsize, _COLOR_TYPES[channels]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return _SIGNATURE + b"".join(
        _chunk(name, body)
        for name, body in (
            (b"IHDR", header),
            *_color_chunks(metadata),
            *_text_chunks(metadata),
            (b"IDAT", _packed(levels)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), name) + body + _crc(name + body)


def _crc(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def _color_chunks(metadata: FileMetadata) -> Iterator[tuple[bytes, bytes]]:
    """Sections 11.3.2.1 to 11.3.2.5."""
    if metadata.is_srgb:
        yield b"sRGB", bytes(1)
        yield b"gAMA", struct.pack(">I", _GAMMA)
        yield b"cHRM", struct.pack(">8I", *_CHROMATICITIES)
    else:
        yield b"iCCP", b"content\0\0" + zlib.compress(metadata.profile)


def _text_chunks(metadata: FileMetadata) -> Iterator[tuple[bytes, bytes]]:
    """Section 11.3.3.4: keyword, not compressed, no language, no translation."""
    if metadata.recipe is not None:
        yield b"iTXt", KEYWORD + bytes(5) + metadata.recipe.encode()


def _packed(levels: Levels) -> bytes:
    """Filter and compress, some rows at a time."""
    height = len(levels)
    pixel_bytes = levels.shape[2] * levels.itemsize
    compressor = zlib.compressobj()
    above = np.zeros(levels.shape[1] * pixel_bytes, np.uint8)
    packed = []
    for top in range(0, height, _ROWS):
        band = levels[top : top + _ROWS]
        rows = np.frombuffer(_big_endian(band), np.uint8).reshape(len(band), -1)
        packed.append(compressor.compress(_filtered(rows, above, pixel_bytes)))
        above = rows[-1]
    return b"".join((*packed, compressor.flush()))


def _big_endian(levels: Levels) -> bytes:
    return levels.astype(levels.dtype.newbyteorder(">")).tobytes()


def _filtered(rows: Bytes, above: Bytes, pixel_bytes: int) -> bytes:
    """Filter type 4, section 9.4: each byte minus its prediction by a neighbor."""
    up = np.concatenate((above[None], rows[:-1])).astype(np.int16)
    left, corner = np.zeros_like(up), np.zeros_like(up)
    left[:, pixel_bytes:] = rows[:, :-pixel_bytes]
    corner[:, pixel_bytes:] = up[:, :-pixel_bytes]
    to_left, to_up = abs(up - corner), abs(left - corner)
    to_corner = abs(left + up - 2 * corner)
    predicted = np.where(
        (to_left <= to_up) & (to_left <= to_corner),
        left,
        np.where(to_up <= to_corner, up, corner),
    )
    filtered = np.full((len(rows), rows.shape[1] + 1), _PAETH, np.uint8)
    filtered[:, 1:] = rows - predicted.astype(np.uint8)
    return filtered.tobytes()
