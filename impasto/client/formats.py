"""File name extensions of pictures, and the formats of the server they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FORMATS = {
    ".png": "png",
    ".tiff": "tiff",
    ".tif": "tiff",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}
_DEFAULT_FORMAT = "png"


def with_format(params: dict[str, object], path: Path) -> dict[str, object]:
    """Add the format that the extension of `path` stands for, unless params has one.

    Nothing is added for the server's default format, or an unknown extension.
    """
    implied = _FORMATS.get(path.suffix.lower(), _DEFAULT_FORMAT)
    if implied == _DEFAULT_FORMAT:
        return params
    return {"format": implied} | params


def format_of(path: Path) -> str | None:
    """Return the format that the extension of `path` stands for; None if unknown."""
    return _FORMATS.get(path.suffix.lower())


def file_extension(name: object) -> str:
    """Return the extension of files in a format, given by its name or media type."""
    format_name = str(name or _DEFAULT_FORMAT).removeprefix("image/")
    for extension, extension_format in _FORMATS.items():
        if extension_format == format_name:
            return extension
    return f".{_DEFAULT_FORMAT}"
