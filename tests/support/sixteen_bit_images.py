"""Files of 16 bits per channel, written by hand: Pillow writes none with colors."""

from __future__ import annotations

import struct
import zlib

import numpy as np

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
         (1, 0, 2, 2), (0, 1, 1, 2))  # fmt: skip
DEFLATED = 8


def noise(channels: int, size: tuple[int, int] = (40, 30), seed: int = 0) -> np.ndarray:
    """(H, W, C) of any levels, for a size of (W, H)."""
    width, height = size
    return np.random.default_rng(seed).integers(
        0, 65536, (height, width, channels), dtype=np.uint16
    )


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of PNG."""
    return (
        struct.pack(">I", len(body))
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body))
    )


def deep_png(
    levels: np.ndarray, *chunks: bytes, interlaced: bool = False, filter_type: int = 1
) -> bytes:
    """(H, W, C) as PNG, each row filtered by Sub, or by None."""
    height, width, channels = levels.shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = b"".join(
        _filtered(row, filter_type)
        for left, top, right, down in passes
        for row in levels[top::down, left::right]
    )
    header = (width, height, 16, COLOR_TYPES[channels], 0, 0, int(interlaced))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", *header)),
            *chunks,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )


def _filtered(row: np.ndarray, filter_type: int) -> bytes:
    if not len(row):
        return b""
    plain = np.frombuffer(row.astype(">u2").tobytes(), np.uint8).copy()
    if filter_type == 1:
        pixel = 2 * row.shape[1]
        plain[pixel:] -= plain[:-pixel].copy()
    return bytes([filter_type]) + plain.tobytes()


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))


def deep_tiff(
    levels: np.ndarray,
    order: str = "<",
    *,
    in_planes: bool = False,
    deflated: bool = False,
    photometric: int | None = None,
    **extra: int,
) -> bytes:
    """(H, W, C) as TIFF in one strip, or one per channel.

    Args:
        extra: Further tags with one short value each, as `tag_338=2`.
    """
    height, width, channels = levels.shape
    planes = np.moveaxis(levels, -1, 0) if in_planes else [levels]
    strips = [plane.astype(f"{order}u2").tobytes() for plane in planes]
    if deflated:
        strips = [zlib.compress(strip) for strip in strips]
    starts = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]
    color = 1 if channels == 1 else 2
    shorts = {
        256: [width],
        257: [height],
        258: [16] * channels,
        259: [DEFLATED if deflated else 1],
        262: [color if photometric is None else photometric],
        277: [channels],
        278: [height],
        284: [2 if in_planes else 1],
        **{int(name.removeprefix("tag_")): [value] for name, value in extra.items()},
    }
    longs = {273: starts, 279: [len(strip) for strip in strips]}
    fields = [(tag, 3, "H", values) for tag, values in shorts.items()]
    fields += [(tag, 4, "I", values) for tag, values in longs.items()]
    start = 8 + sum(map(len, strips))
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(f"{order}HI", 42, start)
    return header + b"".join(strips) + _directory(order, sorted(fields), start)


def _directory(order: str, fields: list, start: int) -> bytes:
    entries, behind = b"", b""
    place = start + 2 + 12 * len(fields) + 4
    for tag, kind, code, values in fields:
        data = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(data) > 4:
            where, behind = place + len(behind), behind + data
            data = struct.pack(f"{order}I", where)
        entries += struct.pack(f"{order}HHI", tag, kind, len(values))
        entries += data.ljust(4, b"\0")
    return struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + behind
