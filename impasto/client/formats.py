"""File name extensions of pictures, and the formats of the server they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.client.params import StyleParams

FormatName = Literal["png", "tiff", "jpeg", "webp"]

_FORMATS: dict[str, FormatName] = {
    ".png": "png",
    ".tiff": "tiff",
    ".tif": "tiff",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}
_DEFAULT_FORMAT: FormatName = "png"


def with_format(params: StyleParams, path: Path) -> StyleParams:
    """Add the format that the extension of `path` stands for, unless params has one.

    Nothing is added for the server's default format, or an unknown extension.
    """
    implied = _FORMATS.get(path.suffix.lower(), _DEFAULT_FORMAT)
    if implied == _DEFAULT_FORMAT or "format" in params:
        return params
    return {**params, "format": implied}


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
