"""Interface of blob storage backends, and the deletion of blobs without a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Stored blob, or the part of one that a killed process has left."""

    key: str
    bytes: int
    modified_at: float  # seconds since 1970, by the storage's clock


class Storage(Protocol):
    """Storage of immutable blobs by key."""

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Store bytes, or the rest of a file, under `key`; durable when it returns.

        A reader sees nothing or the whole blob, never a part of it.

        Raises:
            StorageFull: No space is left.
            StorageError: The backend cannot be reached.
        """

    def get(self, key: str) -> bytes:
        """Read the whole blob.

        Raises:
            BlobMissing: No blob has this key.
            StorageError: The backend cannot be reached.
        """

    def open(self, key: str) -> IO[bytes]:
        """Open the blob for reading; the caller closes it.

        Raises:
            BlobMissing: No blob has this key.
            StorageError: The backend cannot be reached.
        """

    def delete(self, key: str) -> None:
        """Delete the blob; an unknown key is no error.

        Raises:
            StorageError: The backend cannot be reached.
        """

    def blobs(self) -> Iterator[StoredBlob]:
        """Iterate over all blobs; those stored or deleted meanwhile may be missed.

        Raises:
            StorageError: The backend cannot be reached.
        """

    def free_bytes(self) -> int:
        """Return the free space in bytes.

        Raises:
            StorageError: The backend cannot be reached.
        """


def delete_blobs(storage: Storage, keys: Iterable[str]) -> None:
    """Delete blobs that no row names; log those that cannot be deleted now.

    `shared.maintenance.orphans` finds and deletes what is left.
    """
    for key in keys:
        try:
            storage.delete(key)
        except StorageError as error:
            log.warning("blob_deletion_failed", key=key, error=str(error))
