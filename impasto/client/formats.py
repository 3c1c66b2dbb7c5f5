"""File name extensions of pictures, and the formats of the server they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from impasto.errors import CannotSave

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

    Nothing is added for the server's default format, or a path without extension.

    Raises:
        CannotSave: It is the extension of no format, and params has none.
    """
    if "format" in params:
        return params
    implied = format_of(path) or _DEFAULT_FORMAT
    return params if implied == _DEFAULT_FORMAT else {**params, "format": implied}


def format_of(path: Path) -> FormatName | None:
    """Return the format that the extension of `path` stands for; None without one.

    Raises:
        CannotSave: It is the extension of no format.
    """
    extension = path.suffix.lower()
    if extension and extension not in _FORMATS:
        extensions = ", ".join(_FORMATS)
        raise CannotSave(f"cannot save {path}: {path.suffix} is none of {extensions}")
    return _FORMATS.get(extension)


def require_jpeg_name(path: Path) -> None:
    """Check that a preview, which is JPEG, may have this name.

    Raises:
        CannotSave: Its extension is that of another format, or of none.
    """
    if format_of(path) not in {None, "jpeg"}:
        raise CannotSave(f"cannot save {path}: previews are JPEG")


def require_folder_name(path: Path) -> None:
    """Check that a folder to be created is not named like a picture.

    Raises:
        CannotSave: It is.
    """
    if path.suffix.lower() in _FORMATS and not path.is_dir():
        raise CannotSave(f"cannot save {path}: it is to be the folder of all previews")


def file_extension(name: object) -> str:
    """Return the extension of files in a format, given by its name or media type."""
    format_name = str(name or _DEFAULT_FORMAT).removeprefix("image/")
    for extension, extension_format in _FORMATS.items():
        if extension_format == format_name:
            return extension
    return f".{_DEFAULT_FORMAT}"
