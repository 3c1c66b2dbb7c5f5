"""Storage of pictures and checkpoints: immutable blobs by key, as files of a folder.

The folder is on the only host, or on a volume that all hosts share.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import structlog

from shared.errors import BlobMissing, StorageError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

log = structlog.get_logger(__name__)

_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Stored blob, or the temporary file of a killed process."""

    key: str
    bytes: int
    modified_at: float  # seconds since 1970, by the storage's clock


class Storage:
    """Storage in a folder, which is created when the first blob is stored.

    Each method raises StorageError if the folder cannot be reached.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Store bytes, or the rest of a file, under `key`, durably.

        A reader finds the whole blob or none, never a part.

        Raises:
            StorageFull: No space is left.
        """
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
        """Read the whole blob.

        Raises:
            BlobMissing: No blob has this key.
        """
        with _translate_errors(key):
            return self._path(key).read_bytes()

    def open(self, key: str) -> IO[bytes]:
        """Open the blob, which can be read to its end even if it is deleted meanwhile.

        Raises:
            BlobMissing: No blob has this key.
        """
        with _translate_errors(key):
            return self._path(key).open("rb")

    def delete(self, key: str) -> None:
        """Delete the blob; an unknown key is no error."""
        with _translate_errors(key):
            self._path(key).unlink(missing_ok=True)

    def blobs(self) -> Iterator[StoredBlob]:
        """Iterate over all blobs; those stored or deleted meanwhile may be missed.

        Includes temporary files, whose names begin with a dot.
        """
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
        except FileNotFoundError:  # deleted meanwhile
            return None
        key = path.relative_to(self._root).as_posix()
        return StoredBlob(key, stat.st_size, stat.st_mtime)

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise StorageError(f"key {key!r} leaves the storage folder")
        return path


def open_storage(url: str) -> Storage:
    """Open the storage of a URL: file:///FOLDER, as `Settings` requires it."""
    return Storage(Path(unquote(urlsplit(url).path)))


def delete_blobs(storage: Storage, keys: Iterable[str]) -> None:
    """Delete blobs that no row names; log those that cannot be deleted now.

    `shared.maintenance.orphans` deletes the remaining blobs later.
    """
    for key in keys:
        try:
            storage.delete(key)
        except StorageError as error:
            log.warning("blob_deletion_failed", key=key, error=str(error))


@contextmanager
def _translate_errors(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(f"the stored file {key!r} does not exist") from error
    except OSError as error:
        kind = StorageFull if error.errno in _FULL_ERRNOS else StorageError
        raise kind(f"blob {key!r}: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    """Create a folder durably, unreadable for other users."""
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
