"""What a place for blobs must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that is there, or what a killed process left of one."""

    key: str
    bytes: int
    modified_at: float  # seconds since 1970, by the storage's clock


class Storage(Protocol):
    """Immutable blobs by key."""

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Store `data`, or what a file has left, under `key`; durable by then.

        A reader sees nothing or the whole blob, never half of it.

        Raises:
            StorageFull: No room is left.
            StorageError: The backend cannot be reached.
        """

    def get(self, key: str) -> bytes:
        """Return the blob.

        Raises:
            BlobMissing: No blob has this key.
            StorageError: The backend cannot be reached.
        """

    def open(self, key: str) -> IO[bytes]:
        """Open the blob, to be read in parts and closed by whoever asks.

        Raises:
            BlobMissing: No blob has this key.
            StorageError: The backend cannot be reached.
        """

    def delete(self, key: str) -> None:
        """Forget the blob; an unknown key is no error.

        Raises:
            StorageError: The backend cannot be reached.
        """

    def blobs(self) -> Iterator[StoredBlob]:
        """Walk through all there is; what comes or goes meanwhile may be missed.

        Raises:
            StorageError: The backend cannot be reached.
        """

    def free_bytes(self) -> int:
        """Tell how much more can be stored.

        Raises:
            StorageError: The backend cannot be reached.
        """
