"""What picture files are called, and which format of the server that is."""

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
_DEFAULT = "png"


def with_format(params: dict[str, object], path: Path) -> dict[str, object]:
    """Ask for the format that a file's name promises, unless one is asked for.

    Nothing is added where it is the server's default anyway, or the name says nothing.
    """
    promised = _FORMATS.get(path.suffix.lower(), _DEFAULT)
    if promised == _DEFAULT:
        return params
    return {"format": promised} | params


def ending(name: object) -> str:
    """Return how names of files end, for a format by its name or media type."""
    wanted = str(name or _DEFAULT).removeprefix("image/")
    for suffix, known in _FORMATS.items():
        if known == wanted:
            return suffix
    return f".{_DEFAULT}"
