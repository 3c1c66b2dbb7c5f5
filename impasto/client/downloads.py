"""Atomic saving of downloads, with an earlier check of the target."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from impasto.errors import CannotSave

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from impasto.client.transport import Transport


def require_writable(path: Path) -> None:
    """Check that a picture can be saved as `path`, before its job is submitted.

    Raises:
        CannotSave: The folder is missing or not writable, or `path` is a folder.
    """
    if path.is_dir():
        raise save_error(path, "it is a folder")
    if not path.parent.is_dir():
        raise save_error(path, f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise save_error(path, f"the folder {path.parent} may not be written")


def make_folder(folder: Path) -> None:
    """Create the folder for files, before their job is submitted.

    Raises:
        CannotSave: The folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise save_error(folder, error.strerror or str(error)) from error
    require_writable(folder / "any")


def safe_file_name(name: str) -> str:
    """Return the last part of a name from the server, which is no path."""
    file_name = Path(name).name
    if not file_name or file_name == "..":
        raise CannotSave(f"cannot save {name!r}: it is not the name of a file")
    return file_name


def save_error(path: Path, reason: str) -> CannotSave:
    """Return the error that says why `path` cannot be saved."""
    return CannotSave(f"cannot save {path}: {reason}")


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; rename it to `path` at the block's end."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        temporary.chmod(0o644)  # mkstemp allows only the owner to read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


async def save_download(
    transport: Transport,
    url: str,
    path: Path,
    query: Mapping[str, str | None] | None = None,
) -> Path:
    """Download a file; the file at `path` is always complete.

    Raises:
        CannotSave: The file cannot be written.
    """
    require_writable(path)
    try:
        with atomic_write(path) as target:
            await transport.download(url, target, query=query)
    except OSError as error:
        raise save_error(path, error.strerror or str(error)) from error
    return path
