"""Storage backend: files under one folder, of one host or on a shared volume."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import BlobMissing, StorageError, StorageFull
from shared.storage.base import StoredBlob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalStorage:
    """Storage in a folder, which is created when the first blob is stored."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Write a temporary file, fsync, rename, fsync the folder."""
        path = self._path(key)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with _translate_errors(key):
            _make_folder(path.parent)
            try:
                _write_durably(temporary, data)
                temporary.replace(path)
                sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """Read the whole blob."""
        with _translate_errors(key):
            return self._path(key).read_bytes()

    def open(self, key: str) -> IO[bytes]:
        """Open the file; it can be read to its end even if deleted meanwhile."""
        with _translate_errors(key):
            return self._path(key).open("rb")

    def delete(self, key: str) -> None:
        """Remove the blob if it is there."""
        with _translate_errors(key):
            self._path(key).unlink(missing_ok=True)

    def blobs(self) -> Iterator[StoredBlob]:
        """Walk the folders; includes temporary files, whose names begin with a dot."""
        with _translate_errors(str(self._root)):
            for folder, _, names in os.walk(self._root):
                for name in names:
                    if (blob := self._stat(Path(folder) / name)) is not None:
                        yield blob

    def free_bytes(self) -> int:
        """Return the free space of the file system, for users without privileges."""
        folder = self._root
        while not folder.exists():
            folder = folder.parent
        with _translate_errors(str(folder)):
            return shutil.disk_usage(folder).free

    def _stat(self, path: Path) -> StoredBlob | None:
        try:
            stat = path.stat()
        except FileNotFoundError:  # deleted since it was listed
            return None
        key = path.relative_to(self._root).as_posix()
        return StoredBlob(key, stat.st_size, stat.st_mtime)

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise StorageError(f"key {key!r} leaves the storage folder")
        return path


@contextmanager
def _translate_errors(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(f"blob {key!r} does not exist") from error
    except OSError as error:
        kind = StorageFull if error.errno in _FULL_ERRNOS else StorageError
        raise kind(f"blob {key!r}: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    """Create a folder durably that other users cannot read."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def _write_durably(path: Path, data: bytes | IO[bytes]) -> None:
    with path.open("wb") as file:
        if isinstance(data, bytes):
            file.write(data)
        else:
            shutil.copyfileobj(data, file)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
