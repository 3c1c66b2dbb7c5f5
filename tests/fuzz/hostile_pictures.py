"""Pictures that cost far more to decode than to send, of every accepted format.

Each is made on demand, so that none lies in the repository. All have at most 32 MiB and
64 megapixels: what the default settings take.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

from PIL import Image, ImageCms

from tests.support.images import encode
from tests.support.sixteen_bit_images import chunk

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
    return encode(one, "MPO", save_all=True, append_images=[one] * 3000)


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


def _many_chunks(name: bytes, data: bytes, size=31 * MIB) -> bytes:
    whole = _png((b"IDAT", _rows()))
    middle = _repeat_to(chunk(name, data), size)
    return whole[:33] + middle + whole[33:]


def _crumbs() -> bytes:
    """A PNG whose data come a byte in a chunk."""
    rows = zlib.compress(_noise(830).tobytes() + bytes(830), 0)
    crumbs = ((b"IDAT", rows[at : at + 1]) for at in range(len(rows)))
    return _png(*crumbs, size=(830, 830))


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


# TIFF
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
    strips = dict(offsets=[8] * 8192, counts=[len(data)] * 8192, rows=1)
    return _tiff(_tags(*_FULL, **strips), data)


def _long_tag() -> bytes:
    """A TIFF with a tag of eight million numbers."""
    data = bytes(64 * 64 * 3)
    return _tiff(
        [*_tags(64, 64, counts=[len(data)]), (40000, 4, bytes(7_500_000))], data
    )


def _many_tags() -> bytes:
    data = bytes(64 * 64 * 3)
    more = [(n, 4, bytes(100)) for n in range(40000, 60000)]
    return _tiff([*_tags(64, 64, counts=[len(data)]), *more], data)


def _jpeg_in_tiff() -> bytes:
    """The JPEG with the repeated scan, as the only strip of a TIFF."""
    data = repeated_scan(2000)
    tags = _tags(3000, 3000, 7, counts=[len(data)])
    tags = [one if one[0] != 262 else (262, 3, [6]) for one in tags]
    return _tiff(tags, data)


def _squeezed_tiff(compression: str, mode="RGB") -> bytes:
    return encode(_flat(mode=mode), "TIFF", compression=compression)


# AVIF
def _avif(picture: Image.Image, **options) -> bytes:
    return encode(picture, "AVIF", speed=10, **options)


def _avif_items() -> bytes:
    """An AVIF with a megabyte of free boxes in front of its picture."""
    one = _avif(_flat((64, 64)))
    size = struct.unpack(">I", one[:4])[0]
    return (
        one[:size] + _repeat_to(struct.pack(">I", 8) + b"free", 31 * MIB) + one[size:]
    )


def _avif_sequence() -> bytes:
    frame = _flat((64, 64))
    return encode(frame, "AVIF", save_all=True, append_images=[frame] * 500, speed=10)


def _profile_png() -> bytes:
    """The largest PNG, gray like a mask, with a profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    icc = b"a\0\0" + zlib.compress(profile)
    return _png((b"iCCP", icc), (b"IDAT", _rows(_FULL, 3)), size=_FULL)


# Name -> maker. Those below the line of each format are honest, but as large as taken.
PICTURES = {
    "JPEG, last scan 400 times more": lambda: repeated_scan(400),
    "JPEG, 64 Mpx, last scan 400 times more": lambda: repeated_scan(400, _FULL),
    "JPEG, 64 Mpx, 100 scans": lambda: repeated_scan(90, _FULL),
    "JPEG, 8 million segments": lambda: _after_start(
        _repeat_to(b"\xff\xec\0\x02", 31 * MIB)
    ),
    "JPEG, 8 million comments": lambda: _after_start(
        _repeat_to(b"\xff\xfe\0\x02", 31 * MIB)
    ),
    "JPEG, 31 MiB of fill bytes": lambda: _after_start(b"\xff" * (31 * MIB)),
    "JPEG, tables again and again": lambda: _after_start(
        _repeat_to(b"\xff\xdb\0\x43\0" + bytes(range(1, 65)), 31 * MIB)
    ),
    "JPEG, EXIF bomb": _exif_bomb,
    "JPEG, profile of 16 MiB": _many_profiles,
    "JPEG, 64 Mpx, restart at each block": _restarts,
    "JPEG, 64 Mpx announced, none sent": _lying_header,
    "JPEG, 3,000 further pictures (MPO)": _many_pictures,
    "JPEG, noise, 32 Mpx, progressive": lambda: encode(
        _noise(5700), "JPEG", quality=85, progressive=True
    ),
    "PNG, data in crumbs": _crumbs,
    "PNG, 2.7 million empty chunks": lambda: _many_chunks(b"aaAa", b""),
    "PNG, 2.7 million empty IDAT": lambda: _many_chunks(b"IDAT", b""),
    "PNG, 2 million texts": lambda: _many_chunks(b"tEXt", b"a\0b"),
    "PNG, 1,900 text bombs": lambda: _many_chunks(
        b"zTXt", b"a\0\0" + zlib.compress(bytes(MIB - 100), 9), 2 * MIB
    ),
    "PNG, profile bomb": lambda: _png(
        (b"iCCP", b"a\0\0" + _zeros()), (b"IDAT", _rows())
    ),
    "PNG, 8 GiB behind the last row": lambda: _png((b"IDAT", _zeros())),
    "PNG, 64 Mpx, 16 bits, RGBA, interlaced": lambda: _png(
        (b"IDAT", _rows(_FULL, 8)), size=_FULL, depth=16, color=6, woven=1
    ),
    "PNG, 64 Mpx, RGBA": lambda: encode(_flat(mode="RGBA"), "PNG"),
    "PNG, 64 Mpx, palette with alpha": _palette_alpha,
    "PNG, 64 Mpx, profile of another kind": _profile_png,
    "PNG, animation": lambda: encode(
        _flat((64, 64)), "PNG", save_all=True, append_images=[_noise(64)] * 500
    ),
    "WebP, animation of 400,000 frames": _webp_animation,
    "WebP, 4 million chunks": _webp_chunks,
    "WebP, 64 Mpx, lossless, alpha": lambda: encode(
        _flat(mode="RGBA"), "WEBP", lossless=True, method=0
    ),
    "WebP, noise, 16 Mpx": lambda: encode(_noise(4096), "WEBP", quality=90, method=0),
    "TIFF, 1.8 million pictures": _directories,
    "TIFF, 262,144 tiles at one place": _tiles,
    "TIFF, 8,192 strips at one place": _strips,
    "TIFF, tag of 7.5 million numbers": _long_tag,
    "TIFF, 20,000 tags": _many_tags,
    "TIFF, JPEG inside, 2,000 scans": _jpeg_in_tiff,
    "TIFF, 64 Mpx, LZW": lambda: _squeezed_tiff("tiff_lzw"),
    "TIFF, 64 Mpx, Deflate, CMYK": lambda: _squeezed_tiff("tiff_adobe_deflate", "CMYK"),
    "TIFF, 64 Mpx, LZMA": lambda: _squeezed_tiff("lzma"),
    "TIFF, 64 Mpx, fax": lambda: encode(
        Image.new("1", _FULL), "TIFF", compression="group4"
    ),
    "AVIF, 64 Mpx": lambda: _avif(_flat()),
    "AVIF, 64 Mpx, alpha, 4:4:4": lambda: _avif(
        _flat(mode="RGBA"), subsampling="4:4:4"
    ),
    "AVIF, noise, 4 Mpx": lambda: _avif(_noise(2048), quality=90),
    "AVIF, 4 million boxes": _avif_items,
    "AVIF, sequence": _avif_sequence,
}
