"""Writer of TIFF of 8 or 16 bits per channel: Pillow cannot write colors of 16.

The files are little-endian, with one picture in strips of differences, deflated: TIFF
6.0, with the compression of Adobe's Photoshop notes (2002), which every reader knows.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from worker.images.metadata import FileMetadata

    Levels = NDArray[np.uint8] | NDArray[np.uint16]
    Field = tuple[int, int, int, bytes]  # tag, type, count, values

_STRIP_BYTES = 1 << 18  # before compression
_HEADER_BYTES = 8
_INLINE_BYTES = 4  # values of at most that size are in the entry itself
_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 2, 3, 4, 5, 7  # types of values
_DEFLATE, _RGB, _UNASSOCIATED, _HORIZONTAL, _INCH = 8, 2, 2, 2, 2
_PIXELS_PER_INCH = 72


def write_tiff(levels: Levels, metadata: FileMetadata) -> bytes:
    """Write (H, W, 3) or (H, W, 4) of uint8 or uint16."""
    height, width, channels = levels.shape
    rows = max(1, _STRIP_BYTES // (width * channels * levels.itemsize))
    strips = [_packed(levels[top : top + rows]) for top in range(0, height, rows)]
    offsets, end = [], _HEADER_BYTES
    for strip in strips:
        offsets.append(end)
        end += len(strip)
    fields = [
        *_pixel_fields(levels),
        *_metadata_fields(metadata),
        _longs(273, *offsets),
        _longs(278, rows),
        _longs(279, *(len(strip) for strip in strips)),
    ]
    header = struct.pack("<2sHI", b"II", 42, end + end % 2)
    directory = _directory(sorted(fields), end + end % 2)
    return b"".join((header, *strips, bytes(end % 2), directory))


def _packed(strip: Levels) -> bytes:
    """Subtract the pixel to the left, section 14; differences wrap around."""
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]
    little_endian = differences.astype(strip.dtype.newbyteorder("<"))
    return zlib.compress(little_endian.tobytes())


def _pixel_fields(levels: Levels) -> Iterator[Field]:
    height, width, channels = levels.shape
    resolution = struct.pack("<2I", _PIXELS_PER_INCH, 1)
    yield _longs(256, width)
    yield _longs(257, height)
    yield _shorts(258, *[8 * levels.itemsize] * channels)  # bits per sample
    yield _shorts(259, _DEFLATE)  # compression
    yield _shorts(262, _RGB)  # photometric interpretation
    yield _shorts(277, channels)  # samples per pixel
    yield 282, _RATIONAL, 1, resolution
    yield 283, _RATIONAL, 1, resolution
    yield _shorts(296, _INCH)  # resolution unit
    yield _shorts(317, _HORIZONTAL)  # predictor
    if channels == len("RGBA"):
        yield _shorts(338, _UNASSOCIATED)  # extra samples


def _metadata_fields(metadata: FileMetadata) -> Iterator[Field]:
    if metadata.recipe is not None:
        text = metadata.recipe.encode("ascii") + b"\0"
        yield 270, _ASCII, len(text), text  # image description
    yield 34675, _UNDEFINED, len(metadata.profile), metadata.profile


def _shorts(tag: int, *values: int) -> Field:
    return tag, _SHORT, len(values), struct.pack(f"<{len(values)}H", *values)


def _longs(tag: int, *values: int) -> Field:
    return tag, _LONG, len(values), struct.pack(f"<{len(values)}I", *values)


def _directory(fields: list[Field], start: int) -> bytes:
    """Return the directory, section 2: entries, then values that do not fit there."""
    entries, values = [], b""
    behind = start + 2 + 12 * len(fields) + 4
    for tag, kind, count, data in fields:
        place = data.ljust(_INLINE_BYTES, b"\0")
        if len(data) > _INLINE_BYTES:
            place = struct.pack("<I", behind + len(values))
            values += data + bytes(len(data) % 2)
        entries.append(struct.pack("<HHI4s", tag, kind, count, place))
    no_next = bytes(4)
    return b"".join((struct.pack("<H", len(fields)), *entries, no_next, values))
