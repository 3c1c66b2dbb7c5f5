"""Reader of the recipe in a picture file: PNG, TIFF, JPEG or WebP, without Pillow.

The worker writes it as text `impasto` (PNG), as the image description (TIFF) or as
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
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_ENTRY_BYTES, _INLINE_BYTES = 12, 4
_APP1, _IMAGE_DATA = 0xE1, 0xDA  # markers of JPEG; behind the latter are no headers


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the recipe that a picture carries.

    Raises:
        NoRecipe: It carries none, or is no picture.
    """
    try:
        text = _find_text(path.read_bytes())
        recipe = None if text is None else json.loads(text)
    except (struct.error, ValueError, RecursionError) as error:
        raise NoRecipe(f"no recipe can be read in {path}: {error}") from error
    if isinstance(recipe, dict) and "recipe" in recipe:
        return recipe
    raise NoRecipe(
        f"there is no recipe in {path}",
        hint="pictures made with --no-embed-recipe have none, nor those that another "
        "program saved again",
    )


def _find_text(data: bytes) -> bytes | None:
    if data.startswith(b"\x89PNG"):
        return _find_in_png(data)
    if data.startswith(b"\xff\xd8"):
        return _find_in_jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _find_in_webp(data)
    if data[:2] in _BYTE_ORDERS:
        return _find_tag(data, _first_directory(data), _DESCRIPTION)
    raise ValueError("it is no PNG, TIFF, JPEG or WebP file")


def _find_in_png(data: bytes) -> bytes | None:
    offset = 8
    while offset < len(data):
        length, name = struct.unpack_from(">I4s", data, offset)
        body = data[offset + 8 : offset + 8 + length]
        if name == b"iTXt" and body.startswith(_TEXT):
            return body.removeprefix(_TEXT)
        offset += length + 12
    return None


def _find_in_jpeg(data: bytes) -> bytes | None:
    offset = 2
    while offset < len(data):
        _, marker, length = struct.unpack_from(">BBH", data, offset)
        body = data[offset + 4 : offset + 2 + length]
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            return _find_in_exif(body.removeprefix(b"Exif\0\0"))
        if marker == _IMAGE_DATA:
            return None
        offset += 2 + length
    return None


def _find_in_webp(data: bytes) -> bytes | None:
    offset = 12
    while offset < len(data):
        name, length = struct.unpack_from("<4sI", data, offset)
        if name == b"EXIF":
            return _find_in_exif(data[offset + 8 : offset + 8 + length])
        offset += 8 + length + length % 2
    return None


def _find_in_exif(data: bytes) -> bytes | None:
    offset = _find_tag(data, _first_directory(data), _EXIF)
    if offset is None:
        return None
    (directory,) = struct.unpack(_byte_order(data) + "I", offset)
    comment = _find_tag(data, directory, _COMMENT)
    return None if comment is None else comment.removeprefix(_COMMENT_CODE)


def _byte_order(data: bytes) -> str:
    """Return the byte order of TIFF or EXIF, as `struct` calls it."""
    if data[:2] not in _BYTE_ORDERS:
        raise ValueError("its EXIF data has no byte order")
    return _BYTE_ORDERS[data[:2]]


def _first_directory(data: bytes) -> int:
    """Return the offset of the first directory."""
    offset: int = struct.unpack_from(_byte_order(data) + "I", data, 4)[0]
    return offset


def _find_tag(data: bytes, directory: int, searched_tag: int) -> bytes | None:
    """Return the value of a tag of text or of one number, without its final zero."""
    order = _byte_order(data)
    (count,) = struct.unpack_from(order + "H", data, directory)
    for index in range(count):
        entry = directory + 2 + _ENTRY_BYTES * index
        tag, _, length = struct.unpack_from(order + "HHI", data, entry)
        if tag != searched_tag:
            continue
        if searched_tag == _EXIF or length <= _INLINE_BYTES:
            return data[entry + 8 : entry + _ENTRY_BYTES]
        (offset,) = struct.unpack_from(order + "I", data, entry + 8)
        return data[offset : offset + length].removesuffix(b"\0")
    return None
