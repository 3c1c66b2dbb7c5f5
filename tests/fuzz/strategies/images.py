"""Pictures of every accepted format: whole, broken off, lying, and bombs."""

from __future__ import annotations

import struct
import zlib
from functools import cache

from hypothesis import strategies as st

from tests.support.images import encode, picture
from tests.support.sixteen_bit_images import chunk, deep_png, deep_tiff, noise

_MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "RGB", "RGBA", "CMYK", "F", "I;16"),
    "AVIF": ("RGB", "RGBA"),
    "MPO": ("RGB",),
    "GIF": ("L",),  # not taken
    "BMP": ("RGB",),
    "PPM": ("RGB",),
    "ICO": ("RGBA",),
    "TGA": ("RGB",),
}
_BIG = 60_000


@cache
def whole() -> tuple[bytes, ...]:
    """A small picture of each kind."""
    made = [
        encode(picture(mode), kind) for kind, modes in _MODES.items() for mode in modes
    ]
    made += [deep_png(noise(n), interlaced=n == 3) for n in (1, 2, 3, 4)]
    made += [deep_tiff(noise(3), order, deflated=order == ">") for order in "<>"]
    frames = [picture("RGB"), picture("L").convert("RGB")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"):
        made.append(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
    return tuple(made)


@cache
def bombs() -> tuple[bytes, ...]:
    """Few bytes that announce, or unpack to, far too many pixels."""
    zeros = zlib.compress(bytes(20_000_000), 9)
    header = struct.pack(">IIBBBBB", _BIG, _BIG, 8, 2, 0, 0, 0)
    small = struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0)
    start, end = b"\x89PNG\r\n\x1a\n", chunk(b"IEND", b"")
    png = [
        start + chunk(b"IHDR", header) + chunk(b"IDAT", zeros) + end,
        start + chunk(b"IHDR", small) + chunk(b"IDAT", zeros) + end,
        start + chunk(b"IHDR", small) + chunk(b"zTXt", b"a\0\0" + zeros) + end,
        start + chunk(b"IHDR", small) + chunk(b"iCCP", b"a\0\0" + zeros) + end,
        start + chunk(b"IHDR", small) + chunk(b"iTXt", b"a\0\1\0\0\0" + zeros) + end,
        start + chunk(b"IHDR", small) + chunk(b"zTXt", b"a\0\0" + zeros) * 20 + end,
    ]
    return (*png, _jpeg(), _webp(), _avif(), *_tiffs(), deep_png_of(4000, 4000))


def deep_png_of(width: int, height: int) -> bytes:
    """A whole and honest PNG of 16 bits, black, with many pixels in few bytes."""
    rows = zlib.compress(bytes((1 + 6 * width) * height), 9)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )  # fmt: skip


def _jpeg() -> bytes:
    data = encode(picture(), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", _BIG, _BIG) + data[at + 4 :]


def _webp() -> bytes:
    data = encode(picture("RGBA"), "WEBP", lossless=True)
    if b"VP8X" in data:
        at = data.index(b"VP8X") + 12
        return data[:at] + b"\xff\x3f\x00\xff\x3f\x00" + data[at + 6 :]
    at = data.index(b"VP8L") + 9
    return data[:at] + b"\xff\xff\xff\x0f" + data[at + 4 :]


def _avif() -> bytes:
    data = encode(picture(), "AVIF")
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", _BIG, _BIG) + data[at + 8 :]


def _tiffs() -> list[bytes]:
    lying = [
        deep_tiff(noise(3), tag_256=_BIG, tag_257=_BIG),
        deep_tiff(noise(3), tag_277=60_000),
        deep_tiff(noise(3), tag_258=64),
        deep_tiff(noise(1), tag_259=5),
        deep_tiff(noise(3), deflated=True, tag_257=_BIG),
    ]
    loop = bytearray(deep_tiff(noise(1)))  # a directory that is its own successor
    start = struct.unpack("<I", loop[4:8])[0]
    loop[-4:] = struct.pack("<I", start)
    return [*lying, bytes(loop)]


@st.composite
def _spoiled(draw):
    data = bytearray(draw(st.sampled_from(whole())))
    how = draw(st.integers(0, 4))
    if how == 0:
        return bytes(data[: draw(st.integers(0, len(data)))])
    if how == 1:
        return bytes(data) + draw(st.binary(max_size=40))
    # Headers are where lies are told: most changes go there.
    last = len(data) - 1
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, min(last, 200 if how < 4 else last)))
        data[at] = draw(st.integers(0, 255))
    if how == 3:
        at = draw(st.integers(0, last))
        data[at:at] = draw(st.binary(max_size=12))
    return bytes(data)


pictures = st.one_of(
    st.sampled_from(range(len(whole()))).map(lambda at: whole()[at]),
    _spoiled(), _spoiled(), _spoiled(),
    st.sampled_from(range(len(bombs()))).map(lambda at: bombs()[at]),
    st.binary(max_size=80),
)  # fmt: skip
