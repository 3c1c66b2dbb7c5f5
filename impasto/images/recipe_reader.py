"""Finds the recipe in a picture file: PNG, TIFF, JPEG or WebP, without Pillow.

The server writes it as text `impasto` (PNG), as the image description (TIFF) or as
the EXIF user comment (JPEG, WebP).
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

from impasto.errors import NoRecipe

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = b"impasto\0\0\0\0\0"  # and: not compressed, no language, no translation
_COMMENT_CODE = b"ASCII\0\0\0"
_DESCRIPTION, _EXIF, _COMMENT = 270, 34665, 37510  # tags of TIFF and EXIF
_ORDERS = {b"II": "<", b"MM": ">"}
_ENTRY_BYTES, _INLINE_BYTES = 12, 4
_APP1, _IMAGE_DATA = 0xE1, 0xDA  # markers of JPEG; behind the latter are no headers


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the recipe that a picture carries.

    Raises:
        NoRecipe: It carries none, or is no picture.
    """
    try:
        text = _find(path.read_bytes())
        said = None if text is None else json.loads(text)
    except (struct.error, ValueError, RecursionError) as error:
        raise NoRecipe(f"no recipe can be read in {path}: {error}") from error
    if isinstance(said, dict) and "recipe" in said:
        return said
    raise NoRecipe(
        f"there is no recipe in {path}",
        hint="pictures made with --no-embed-recipe have none, nor those that another "
        "program saved again",
    )


def _find(data: bytes) -> bytes | None:
    if data.startswith(b"\x89PNG"):
        return _in_png(data)
    if data.startswith(b"\xff\xd8"):
        return _in_jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _in_webp(data)
    if data[:2] in _ORDERS:
        return _tag(data, _first(data), _DESCRIPTION)
    raise ValueError("it is no PNG, TIFF, JPEG or WebP file")


def _in_png(data: bytes) -> bytes | None:
    place = 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        if name == b"iTXt" and body.startswith(_TEXT):
            return body.removeprefix(_TEXT)
        place += length + 12
    return None


def _in_jpeg(data: bytes) -> bytes | None:
    place = 2
    while place < len(data):
        _, marker, length = struct.unpack_from(">BBH", data, place)
        body = data[place + 4 : place + 2 + length]
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            return _in_exif(body.removeprefix(b"Exif\0\0"))
        if marker == _IMAGE_DATA:
            return None
        place += 2 + length
    return None


def _in_webp(data: bytes) -> bytes | None:
    place = 12
    while place < len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        if name == b"EXIF":
            return _in_exif(data[place + 8 : place + 8 + length])
        place += 8 + length + length % 2
    return None


def _in_exif(data: bytes) -> bytes | None:
    place = _tag(data, _first(data), _EXIF)
    if place is None:
        return None
    (directory,) = struct.unpack(_order(data) + "I", place)
    comment = _tag(data, directory, _COMMENT)
    return None if comment is None else comment.removeprefix(_COMMENT_CODE)


def _order(data: bytes) -> str:
    """Return the byte order of TIFF or EXIF, as `struct` calls it."""
    if data[:2] not in _ORDERS:
        raise ValueError("its EXIF data has no byte order")
    return _ORDERS[data[:2]]


def _first(data: bytes) -> int:
    """Return where the first directory is."""
    place: int = struct.unpack_from(_order(data) + "I", data, 4)[0]
    return place


def _tag(data: bytes, directory: int, wanted: int) -> bytes | None:
    """Return the value of a tag of text or of one number, without its final zero."""
    order = _order(data)
    (count,) = struct.unpack_from(order + "H", data, directory)
    for index in range(count):
        entry = directory + 2 + _ENTRY_BYTES * index
        tag, _, length = struct.unpack_from(order + "HHI", data, entry)
        if tag != wanted:
            continue
        if wanted == _EXIF or length <= _INLINE_BYTES:
            return data[entry + 8 : entry + _ENTRY_BYTES]
        (place,) = struct.unpack_from(order + "I", data, entry + 8)
        return data[place : place + length].removesuffix(b"\0")
    return None
