"""Pictures that cost far more to decode than to send, of every accepted format.

Each is made on demand, so that none lies in the repository. All have at most 32 MiB and
64 megapixels: what the default settings take.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

from tests.support.images import encode
from tests.support.sixteen_bit_images import chunk

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 2**20
_FULL = (8192, 8192)  # as many pixels as are taken
_END = b"\xff\xd9"
_PNG = b"\x89PNG\r\n\x1a\n"


def _flat(size=_FULL, mode="RGB") -> Image.Image:
    return Image.new(
        mode, size, 90 if len(mode) == 1 else (90, 120, 60, 128)[: len(mode)]
    )


@cache
def _noise(side: int) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((side, side), 80) for _ in range(3)])


def _repeat_to(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece))


# JPEG
def repeated_scan(times: int, size=(3000, 3000)) -> bytes:
    """A progressive JPEG whose last scan comes many times."""
    whole = encode(_flat(size), "JPEG", progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[start:-2] * times + _END


def _after_start(segments: bytes) -> bytes:
    """A JPEG with so many segments before its picture."""
    small = encode(_flat((64, 64)), "JPEG")
    return small[:2] + segments + small[2:]


def _exif_bomb() -> bytes:
    """EXIF data with as many entries as fit, each of which points to all of them."""
    count = 5000
    entries = b"".join(struct.pack("<HHII", 256 + n, 4, 15000, 8) for n in range(count))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4)
    return _after_start(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)


def _many_profiles() -> bytes:
    """A color profile in its 255 pieces, which is none."""
    piece = b"ICC_PROFILE\0%c\xff" + b"\x80" * 65_500
    pieces = (piece.replace(b"%c", bytes([n])) for n in range(1, 256))
    return _after_start(
        b"".join(b"\xff\xe2" + struct.pack(">H", len(one) + 2) + one for one in pieces)
    )


def _restarts() -> bytes:
    return encode(_flat(), "JPEG", restart_marker_blocks=1)


def _lying_header() -> bytes:
    """The head of a large progressive JPEG, and nothing after it."""
    return encode(_flat(), "JPEG", progressive=True)[:2000]


def _many_pictures() -> bytes:
    one = _flat((64, 64))
    return encode(one, "MPO", save_all=True, append_images=[one] * 200)


# PNG
def _png(
    *chunks: tuple[bytes, bytes], size=(64, 64), depth=8, color=2, woven=0
) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, woven)
    made = (
        chunk(name, data) for name, data in ((b"IHDR", header), *chunks, (b"IEND", b""))
    )
    return _PNG + b"".join(made)


@cache
def _rows(size=(64, 64), pixel_bytes=3) -> bytes:
    squeezer = zlib.compressobj(9)
    row = bytes(1 + pixel_bytes * size[0])
    return b"".join(squeezer.compress(row) for _ in range(size[1])) + squeezer.flush()


@cache
def _zeros() -> bytes:
    """Some 8 GiB, deflated to 8 MiB."""
    squeezer = zlib.compressobj(9)
    block = squeezer.compress(bytes(16 * MIB)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    head, again = block, zlib.compressobj(9)
    again.compress(bytes(16 * MIB))
    body = head[2:]
    return head + body * (8 * MIB // len(body))


def many_chunks(name: bytes, data: bytes, size=31 * MIB) -> bytes:
    """A small PNG with so many bytes of small chunks before its data."""
    whole = _png((b"IDAT", _rows()))
    middle = _repeat_to(chunk(name, data), size)
    return whole[:33] + middle + whole[33:]


def _crumbs() -> bytes:
    """A PNG whose data come a byte in a chunk."""
    rows = zlib.compress(bytes(2401 * 800), 0)
    crumbs = ((b"IDAT", rows[at : at + 1]) for at in range(len(rows)))
    return _png(*crumbs, size=(800, 800))


def _deep_png(woven=0) -> bytes:
    """A PNG of 16 bits with alpha; interlaced, it is transparent everywhere."""
    row = bytes(1) + (b"\0" if woven else b"\x40") * (8 * _FULL[0])
    rows = zlib.compress(row * (_FULL[1] + woven), 1)
    return _png((b"IDAT", rows), size=_FULL, depth=16, color=6, woven=woven)


def _palette_alpha() -> bytes:
    palette = (b"PLTE", bytes(768)), (b"tRNS", bytes(255) + b"\x80")
    return _png(*palette, (b"IDAT", _rows(_FULL, 1)), size=_FULL, color=3)


# WebP
def _webp_animation() -> bytes:
    one = encode(_flat((16, 16)), "WEBP", lossless=True)
    frame = one[12:]
    anmf = bytes(6) + b"\x0f\0\0\x0f\0\0" + b"\x01\0\0\0" + frame
    piece = b"ANMF" + struct.pack("<I", len(anmf)) + anmf + bytes(len(anmf) % 2)
    head = b"VP8X" + struct.pack("<IB", 10, 2) + bytes(3) + b"\x0f\0\0\x0f\0\0"
    anim = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = b"WEBP" + head + anim + _repeat_to(piece, 31 * MIB)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks() -> bytes:
    one = encode(_flat((64, 64)), "WEBP", lossless=True)
    head = b"VP8X" + struct.pack("<IB", 10, 0) + bytes(3) + b"\x3f\0\0\x3f\0\0"
    body = b"WEBP" + head + one[12:] + _repeat_to(b"abcd" + bytes(4), 31 * MIB)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(tags, data: bytes = b"", chain: bytes = b"") -> bytes:
    """A TIFF of tags (number, type, values); `data` lies at byte 8."""
    out = bytearray(b"II*\0\0\0\0\0" + data)
    entries = b""
    for number, kind, values in sorted(tags):
        packed = struct.pack(
            f"<{len(values)}{ {3: 'H', 4: 'I', 1: 'B', 7: 'B'}[kind] }", *values
        )
        if len(packed) <= 4:
            field = packed.ljust(4, b"\0")
        else:
            field = struct.pack("<I", len(out))
            out += packed + bytes(len(packed) % 2)
        entries += struct.pack("<HHI", number, kind, len(values)) + field
    struct.pack_into("<I", out, 4, len(out))
    following = struct.pack("<I", len(out) + 6 + len(entries) if chain else 0)
    return bytes(out) + struct.pack("<H", len(tags)) + entries + following + chain


def _tags(width, height, compression=1, channels=3, offsets=(8,), counts=(3,), **more):
    return [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [8] * channels),
        (259, 3, [compression]), (262, 3, [2 if channels > 1 else 1]),
        (273, 4, offsets), (277, 3, [channels]), (278, 4, [more.get("rows", height)]),
        (279, 4, counts), *more.get("tags", ()),
    ]  # fmt: skip


def _directories() -> bytes:
    """A TIFF with as many pictures as fit, each of no tags but its size."""
    data = bytes(16 * 16 * 3)
    first = _tiff(_tags(16, 16, counts=[len(data)]), data, b"x")[:-1]
    at, chain = len(first), bytearray()
    while len(chain) < 31 * MIB:
        chain += struct.pack("<HHHIII", 1, 256, 4, 1, 16, at + len(chain) + 18)
    return first + bytes(chain)


def _tiles() -> bytes:
    """A TIFF in tiles of 16 pixels, all of which lie at the same place."""
    tiles = (8192 // 16) ** 2
    data = bytes(16 * 16 * 3)
    tags = [one for one in _tags(*_FULL) if one[0] not in {273, 278, 279}]
    tags += [
        (322, 3, [16]),
        (323, 3, [16]),
        (324, 4, [8] * tiles),
        (325, 4, [len(data)] * tiles),
    ]
    return _tiff(tags, data)


def _strips() -> bytes:
    """A TIFF in strips of a row, all of which lie at the same place."""
    data = bytes(8192 * 3)
    strips = {"offsets": [8] * 8192, "counts": [len(data)] * 8192, "rows": 1}
    return _tiff(_tags(*_FULL, **strips), data)


def _long_tag() -> bytes:
    """A TIFF with a tag of eight million numbers."""
    data = bytes(64 * 64 * 3)
    return _tiff(
        [*_tags(64, 64, counts=[len(data)]), (40000, 4, bytes(7_500_000))], data
    )


def _many_tags() -> bytes:
    data = bytes(64 * 64 * 3)
    more = [(n, 4, bytes(100)) for n in range(20000, 40000)]
    return _tiff([*_tags(64, 64, counts=[len(data)]), *more], data)


def _jpeg_in_tiff() -> bytes:
    """The JPEG with the repeated scan, as the only strip of a TIFF."""
    data = repeated_scan(2000)
    tags = _tags(3000, 3000, 7, counts=[len(data)])
    tags = [one if one[0] != 262 else (262, 3, [6]) for one in tags]
    return _tiff([*tags, (530, 3, [2, 2])], data)


def _squeezed_tiff(compression: str, mode="RGB") -> bytes:
    return encode(_flat(mode=mode), "TIFF", compression=compression)


# AVIF
def _avif(picture: Image.Image, **options) -> bytes:
    return encode(picture, "AVIF", speed=10, **options)


def _avif_boxes() -> bytes:
    """An AVIF with as many empty boxes behind its picture as fit."""
    return _avif(_flat((64, 64))) + _repeat_to(struct.pack(">I", 8) + b"free", 31 * MIB)


def _avif_sequence() -> bytes:
    frame = _flat((64, 64))
    return encode(frame, "AVIF", save_all=True, append_images=[frame] * 500, speed=10)


def _profile_png() -> bytes:
    """The largest PNG, gray like a mask, with a profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    icc = b"a\0\0" + zlib.compress(profile)
    return _png((b"iCCP", icc), (b"IDAT", _rows(_FULL, 3)), size=_FULL)


@dataclass(frozen=True)
class Hostile:
    """A picture, what it may cost the server, and how it must be answered.

    Attributes:
        make: Makes its bytes.
        seconds: CPU time that one request with it may take, in which it is inspected,
            and decoded as a mask if it is accepted; more where `ordinary_picture`
            takes more than `ORDINARY_SECONDS`.
        mebibytes: Memory that the process which decodes it may hold.
        is_taken: Whether it is a picture that is accepted.
    """

    make: Callable[[], bytes]
    seconds: float
    mebibytes: int
    is_taken: bool = True


def _refused(make: Callable[[], bytes], seconds=1.0, mebibytes=256) -> Hostile:
    return Hostile(make, seconds, mebibytes, is_taken=False)


ORDINARY_SECONDS = 1.5  # CPU time that it takes on two quiet cores


def ordinary_picture() -> bytes:
    """A picture with as many pixels as are taken, as an editor writes it."""
    return encode(_flat(mode="RGBA"), "PNG", compress_level=1)


_SEGMENT, _COMMENT, _TABLE = b"\xff\xec\0\2", b"\xff\xfe\0\2", b"\xff\xdb\0\x43\0"
_TEXT_BOMB = b"a\0\0" + zlib.compress(bytes(MIB - 100), 9)
_FILL = 31 * MIB

PICTURES = {
    "JPEG, last scan 400 times more": _refused(lambda: repeated_scan(400)),
    "JPEG, 64 Mpx, last scan 400 times more": _refused(
        lambda: repeated_scan(400, _FULL)
    ),
    "JPEG, 64 Mpx, 100 scans": Hostile(lambda: repeated_scan(90, _FULL), 16, 600),
    "JPEG, 8 million segments": _refused(
        lambda: _after_start(_repeat_to(_SEGMENT, _FILL))
    ),
    "JPEG, 8 million comments": _refused(
        lambda: _after_start(_repeat_to(_COMMENT, _FILL))
    ),
    "JPEG, 31 MiB of fill bytes": _refused(lambda: _after_start(b"\xff" * _FILL), 2),
    "JPEG, 31 MiB between segments": _refused(lambda: _after_start(bytes(_FILL)), 2),
    "JPEG, 485,000 tables": _refused(
        lambda: _after_start(_repeat_to(_TABLE + bytes(range(1, 65)), _FILL))
    ),
    "JPEG, EXIF bomb": Hostile(_exif_bomb, 1, 128),
    "JPEG, profile of 16 MiB": Hostile(_many_profiles, 2, 256),
    "JPEG, 64 Mpx, restart at each block": Hostile(_restarts, 4, 600),
    "JPEG, 64 Mpx announced, none sent": _refused(_lying_header),
    "JPEG, noise, 16 Mpx, progressive": Hostile(
        lambda: encode(_noise(4096), "JPEG", quality=90, progressive=True), 8, 400
    ),
    "JPEG, 200 further pictures (MPO)": Hostile(_many_pictures, 1, 128),
    "PNG, 2 million IDAT of a byte": _refused(_crumbs),
    "PNG, 2.7 million empty chunks": _refused(lambda: many_chunks(b"aaAa", b"")),
    "PNG, 2.7 million empty IDAT": _refused(lambda: many_chunks(b"IDAT", b"")),
    "PNG, 2 million texts": _refused(lambda: many_chunks(b"tEXt", b"a\0b")),
    "PNG, 87,000 empty chunks": Hostile(
        lambda: many_chunks(b"aaAa", b"", MIB), 3, 256
    ),
    "PNG, 1,900 text bombs": _refused(
        lambda: many_chunks(b"zTXt", _TEXT_BOMB, 2 * MIB), 2
    ),
    "PNG, profile bomb": _refused(
        lambda: _png((b"iCCP", b"a\0\0" + _zeros()), (b"IDAT", _rows()))
    ),
    "PNG, 8 GiB behind the last row": Hostile(
        lambda: _png((b"IDAT", _zeros())), 1, 128
    ),
    "PNG, 64 Mpx, 16 bits, RGBA": Hostile(
        _deep_png, 8, 1200,
    ),
    "PNG, 64 Mpx, 16 bits, RGBA, interlaced": _refused(
        lambda: _deep_png(woven=1), 6, 600,
    ),
    "PNG, 64 Mpx, RGBA": Hostile(ordinary_picture, 8, 1200),
    "PNG, 64 Mpx, palette, transparent": _refused(_palette_alpha, 4, 800),
    "PNG, 64 Mpx, profile of another kind": Hostile(_profile_png, 6, 800),
    "PNG, animation": _refused(
        lambda: encode(
            _flat((64, 64)), "PNG", save_all=True, append_images=[_noise(64)] * 500
        )
    ),
    "WebP, animation of 400,000 frames": _refused(_webp_animation, 2),
    "WebP, 4 million chunks": Hostile(_webp_chunks, 3, 600),
    "WebP, 64 Mpx, lossless, alpha": Hostile(
        lambda: encode(_flat(mode="RGBA"), "WEBP", lossless=True, method=0), 8, 1700
    ),
    "WebP, noise, 9 Mpx": Hostile(
        lambda: encode(_noise(3000), "WEBP", quality=80, method=0), 8, 600
    ),
    "TIFF, 1.8 million pictures": Hostile(_directories, 2, 256),
    "TIFF, 262,144 tiles at one place": Hostile(_tiles, 8, 600),
    "TIFF, 8,192 strips at one place": Hostile(_strips, 4, 600),
    "TIFF, tag of 7.5 million numbers": Hostile(_long_tag, 2, 400),
    "TIFF, 20,000 tags": Hostile(_many_tags, 2, 256),
    "TIFF, JPEG of 2,000 scans inside": _refused(_jpeg_in_tiff, 12, 400),
    "TIFF, 64 Mpx, LZW": Hostile(lambda: _squeezed_tiff("tiff_lzw"), 5, 600),
    "TIFF, 64 Mpx, Deflate, CMYK": Hostile(
        lambda: _squeezed_tiff("tiff_adobe_deflate", "CMYK"), 6, 800
    ),
    "TIFF, 64 Mpx, Zstandard": Hostile(lambda: _squeezed_tiff("zstd"), 5, 600),
    "TIFF, 64 Mpx, fax": Hostile(
        lambda: encode(Image.new("1", _FULL, 1), "TIFF", compression="group4"), 4, 600
    ),
    "AVIF, 64 Mpx": Hostile(lambda: _avif(_flat()), 6, 900),
    "AVIF, 64 Mpx, alpha, 4:4:4": Hostile(
        lambda: _avif(_flat(mode="RGBA"), subsampling="4:4:4"), 8, 1500
    ),
    "AVIF, noise, 4 Mpx": Hostile(lambda: _avif(_noise(2048), quality=90), 3, 256),
    "AVIF, 4 million boxes": Hostile(_avif_boxes, 2, 256),
    "AVIF, sequence": _refused(_avif_sequence),
}  # fmt: skip
