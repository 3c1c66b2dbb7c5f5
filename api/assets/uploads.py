"""Uploaded pictures: inspection, and storage once per owner and digest."""

from __future__ import annotations

from dataclasses import dataclass
from io import SEEK_END
from typing import TYPE_CHECKING

from ulid import ULID

from api.idempotency import stream_sha256
from shared.assets import NewAsset, StoredAsset, find_or_renew_asset, store_asset
from shared.auth.api_keys import ensure_owner
from shared.errors import (
    BlobMissing,
    FieldError,
    ImageTooLarge,
    ImageUnreadable,
    ImpastoError,
)
from shared.images.decoder_process import inspect_apart
from shared.storage import delete_blobs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from api.dependencies import Dependencies
    from shared.assets import AssetOptions
    from shared.images.inspect import ImageInfo
    from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """File that was received and may become an asset.

    Attributes:
        stream: Open file.
        digest: SHA-256 of its bytes, in hex.
        options: Purpose and expiry from the request; None for neither.
    """

    stream: IO[bytes]
    digest: str
    options: AssetOptions | None = None

    def read(self) -> bytes:
        """Return all bytes of the file; may be called repeatedly."""
        return self.rewind().read()

    def rewind(self) -> IO[bytes]:
        """Return the stream, at its start."""
        self.stream.seek(0)
        return self.stream


class InvalidImages(ImpastoError):
    """Pictures of a request cannot be used; code and status are those of the first.

    Args:
        causes: Error of each of these pictures, by the JSON pointer to the picture.
    """

    def __init__(self, causes: Mapping[str, ImpastoError]) -> None:
        messages = [
            f"{pointer.lstrip('/')}: {cause}" for pointer, cause in causes.items()
        ]
        first = next(iter(causes.values()))
        super().__init__("; ".join(messages), hint=first.hint)
        self.code, self.status, self.title = first.code, first.status, first.title
        self.errors = tuple(
            FieldError(pointer, cause.code, str(cause))
            for pointer, cause in causes.items()
        )


def make_upload(
    stream: IO[bytes], options: AssetOptions | None = None
) -> UploadedPicture:
    """Return an open file as an upload."""
    return UploadedPicture(stream, stream_sha256(stream), options)


def add_picture(
    dependencies: Dependencies, owner_id: str, upload: UploadedPicture
) -> StoredAsset:
    """Inspect a picture, and store it as an asset of its owner.

    Raises:
        InvalidImages: The picture cannot be used.
        StorageFull: The storage is full.
    """
    try:
        info = inspect_picture(dependencies, owner_id, upload)
    except (ImageUnreadable, ImageTooLarge) as error:
        raise InvalidImages({"/file": error}) from error
    return store_picture(dependencies, owner_id, upload, info)


def inspect_picture(
    dependencies: Dependencies, owner_id: str, upload: UploadedPicture
) -> ImageInfo:
    """Inspect a picture: format, size, readability.

    Raises:
        ImageUnreadable: The format is not supported, or the picture is damaged.
        ImageTooLarge: The picture has too many pixels.
        ServerBusy: No slot for decoding became free in time.
    """
    with dependencies.decoder_slots.hold(owner_id):
        # Before this line, the picture is not in memory.
        return inspect_apart(upload.read(), dependencies.settings.max_pixels)


def store_picture(
    dependencies: Dependencies, owner_id: str, upload: UploadedPicture, info: ImageInfo
) -> StoredAsset:
    """Store an inspected picture as an asset of its owner.

    Raises:
        StorageFull: The storage is full.
    """
    database, storage = dependencies.database, dependencies.storage
    ensure_owner(database, owner_id)
    digest, options = upload.digest, upload.options
    existing = find_or_renew_asset(database, owner_id, digest, options)
    if existing is not None and existing.key is not None:
        restore_blob(storage, existing.key, upload)
        return StoredAsset(existing.id, existing.key, is_new=False)
    # The key is unique to this upload, so that no other deletion removes the blob.
    key = f"assets/{digest}-{ULID()}"
    asset = NewAsset(
        owner_id=owner_id,
        digest=digest,
        key=key,
        bytes=upload.stream.seek(0, SEEK_END),
        media_type=info.media_type,
        width=info.width,
        height=info.height,
        options=options,
    )
    storage.put(key, upload.rewind())  # blob before row
    stored = store_asset(database, asset)
    if stored.key != key:  # another request was faster
        delete_blobs(storage, [key])
    return stored


def restore_blob(storage: Storage, key: str, upload: UploadedPicture) -> None:
    """Write the blob of an uploaded picture again if it was lost or damaged.

    Raises:
        StorageFull: The storage is full.
    """
    if not is_blob_whole(storage, key, upload.digest):
        storage.put(key, upload.rewind())


def is_blob_whole(storage: Storage, key: str, digest: str) -> bool:
    """Return whether a blob exists and has this SHA-256, in hex."""
    try:
        with storage.open(key) as blob:
            return stream_sha256(blob) == digest
    except BlobMissing:
        return False
