"""What a place for blobs must do."""

from __future__ import annotations

from typing import Protocol


class Storage(Protocol):
    """Immutable blobs by key."""

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`, durable once this returns.

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

    def delete(self, key: str) -> None:
        """Forget the blob; an unknown key is no error.

        Raises:
            StorageError: The backend cannot be reached.
        """

    def free_bytes(self) -> int:
        """Tell how much more can be stored.

        Raises:
            StorageError: The backend cannot be reached.
        """
