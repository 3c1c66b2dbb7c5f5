"""Where pictures and files are saved, checked before and written whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from impasto.errors import CannotSave

if TYPE_CHECKING:
    from collections.abc import Iterator


def require_place(path: Path) -> None:
    """Check that a picture can be saved as `path`, before hours go into making it.

    Raises:
        CannotSave: Its folder is not there or may not be written, or it is one itself.
    """
    if path.is_dir():
        raise cannot_save(path, "it is a folder")
    if not path.parent.is_dir():
        raise cannot_save(path, f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise cannot_save(path, f"the folder {path.parent} may not be written")


def make_folder(folder: Path) -> None:
    """Make the folder that files will go to, before hours go into making them.

    Raises:
        CannotSave: It cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_save(folder, error.strerror or str(error)) from error
    require_place(folder / "any")


def file_name(told: str) -> str:
    """Take no more than a name from a server: never a way to another folder."""
    name = Path(told).name
    if not name or name == "..":
        raise CannotSave(f"cannot save {told!r}: it is not the name of a file")
    return name


def cannot_save(path: Path, why: str) -> CannotSave:
    """Make the error that says why `path` cannot be saved."""
    return CannotSave(f"cannot save {path}: {why}")


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Write to a neighbor of `path` and rename it when all is there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        part.chmod(0o644)  # mkstemp is stricter than a picture needs
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
