"""File name extensions of pictures, and their formats on the server."""

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
    """Add the format of the extension of `path`, unless params has a format.

    Nothing is added for the server's default format, or a path without extension.

    Raises:
        CannotSave: No format has this extension, and params has no format.
    """
    if "format" in params:
        return params
    implied = format_of(path) or _DEFAULT_FORMAT
    return params if implied == _DEFAULT_FORMAT else {**params, "format": implied}


def format_of(path: Path) -> FormatName | None:
    """Return the format of the extension of `path`; None without an extension.

    Raises:
        CannotSave: No format has this extension.
    """
    extension = path.suffix.lower()
    if extension and extension not in _FORMATS:
        extensions = ", ".join(_FORMATS)
        raise CannotSave(f"cannot save {path}: {path.suffix} is none of {extensions}")
    return _FORMATS.get(extension)


def require_jpeg_name(path: Path) -> None:
    """Check that a preview, which is JPEG, may have this name.

    Raises:
        CannotSave: The extension is not that of JPEG.
    """
    if format_of(path) not in {None, "jpeg"}:
        raise CannotSave(f"cannot save {path}: previews are JPEG")


def require_folder_name(path: Path) -> None:
    """Check that the name of a new folder is not that of a picture.

    Raises:
        CannotSave: The name has the extension of a picture.
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
