"""Uploaded pictures: inspected, then stored once per owner and digest."""

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
from shared.storage.base import delete_blobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

    from werkzeug.datastructures import FileStorage

    from api.dependencies import Dependencies
    from shared.assets import AssetOptions
    from shared.images.inspect import ImageInfo
    from shared.storage.base import Storage

    InspectedPicture = tuple["UploadedPicture", ImageInfo]

_REPEATED = {"style", "picture"}  # fields that may hold several files


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """File of a form, with its role and its position among the files of this role."""

    role: str
    position: int
    file: FileStorage

    @property
    def pointer(self) -> str:
        """JSON pointer to its form field."""
        if self.role in _REPEATED:
            return f"/{self.role}/{self.position}"
        if self.role in {"mask", "region", "labels"}:
            return f"/{self.role}_{self.position}"
        return f"/{self.role}"

    def read(self) -> bytes:
        """Return all of its bytes; may be called repeatedly."""
        return self.rewind().read()

    def rewind(self) -> IO[bytes]:
        """Return its stream, at its start."""
        self.file.stream.seek(0)
        return self.file.stream

    @property
    def size_bytes(self) -> int:
        """Size of the file in bytes."""
        return self.file.stream.seek(0, SEEK_END)

    def digest(self) -> str:
        """Return the SHA-256 of the file, in hex."""
        return stream_sha256(self.file.stream)


class InvalidImages(ImpastoError):
    """Some pictures of a request cannot be used: answered like the first of them.

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


@dataclass(frozen=True, slots=True)
class InputAsset:
    """Asset that a new job uses in one role, such as style 0.

    Attributes:
        role: Form field or input role, such as content, style or mask.
        position: Index among the inputs of this role.
        asset_id: Id of the asset.
        digest: SHA-256 of its bytes, in hex.
        is_new: Whether this request created the asset.
    """

    role: str
    position: int
    asset_id: str
    digest: str
    is_new: bool = False


def inspect_pictures(
    dependencies: Dependencies, owner_id: str, pictures: Sequence[UploadedPicture]
) -> list[InspectedPicture]:
    """Inspect pictures: format, size, readability.

    Raises:
        InvalidImages: Some cannot be used; the error names all of them.
    """
    checked, refused = try_inspect_pictures(dependencies, owner_id, pictures)
    if refused is not None:
        raise refused
    return checked


def store_pictures(
    dependencies: Dependencies,
    owner_id: str,
    pictures: Sequence[InspectedPicture],
    options: AssetOptions | None = None,
) -> tuple[InputAsset, ...]:
    """Store inspected pictures as assets of their owner.

    Args:
        dependencies: Dependencies of the app.
        owner_id: Owner of the assets.
        pictures: Pictures with what the inspection found.
        options: Purpose and expiry that the owner gives; None: neither.

    Raises:
        StorageFull: The storage is full.
    """
    ensure_owner(dependencies.database, owner_id)
    return tuple(
        _store_picture(dependencies, owner_id, *picture, options)
        for picture in pictures
    )


def try_inspect_pictures(
    dependencies: Dependencies, owner_id: str, pictures: Sequence[UploadedPicture]
) -> tuple[list[InspectedPicture], InvalidImages | None]:
    """Inspect pictures; return the usable ones, and an error that names the others."""
    checked: list[InspectedPicture] = []
    causes: dict[str, ImpastoError] = {}
    for picture in pictures:
        try:
            with dependencies.decoder_slots.hold(owner_id):
                # The picture is in memory only from here on.
                info = inspect_apart(picture.read(), dependencies.settings.max_pixels)
        except (ImageUnreadable, ImageTooLarge) as error:
            causes[picture.pointer] = error
        else:
            checked.append((picture, info))
    return checked, InvalidImages(causes) if causes else None


def _store_picture(
    dependencies: Dependencies,
    owner_id: str,
    picture: UploadedPicture,
    info: ImageInfo,
    options: AssetOptions | None,
) -> InputAsset:
    digest = picture.digest()
    stored = _find_existing(dependencies, owner_id, digest, options)
    if stored is not None:
        restore_blob(dependencies.storage, stored.key, picture)
    stored = stored or _store_new(
        dependencies,
        picture,
        NewAsset(
            owner_id=owner_id,
            digest=digest,
            # A blob of this upload alone: a deletion of another cannot take it away.
            key=f"assets/{digest}-{ULID()}",
            bytes=picture.size_bytes,
            media_type=info.media_type,
            width=info.width,
            height=info.height,
            options=options,
        ),
    )
    return InputAsset(picture.role, picture.position, stored.id, digest, stored.is_new)


def _find_existing(
    dependencies: Dependencies, owner_id: str, digest: str, options: AssetOptions | None
) -> StoredAsset | None:
    asset = find_or_renew_asset(dependencies.database, owner_id, digest, options)
    if asset is None or asset.key is None:
        return None
    return StoredAsset(asset.id, asset.key, is_new=False)


def restore_blob(storage: Storage, key: str, picture: UploadedPicture) -> None:
    """Write the blob of an uploaded picture again if it was lost or damaged.

    Raises:
        StorageFull: The storage is full.
    """
    if not is_blob_whole(storage, key, picture.digest()):
        storage.put(key, picture.rewind())


def is_blob_whole(storage: Storage, key: str, digest: str) -> bool:
    """Return whether a blob is there and has this SHA-256, in hex."""
    try:
        with storage.open(key) as blob:
            return stream_sha256(blob) == digest
    except BlobMissing:
        return False


def _store_new(
    dependencies: Dependencies, picture: UploadedPicture, asset: NewAsset
) -> StoredAsset:
    dependencies.storage.put(asset.key, picture.rewind())  # blob before row
    stored = store_asset(dependencies.database, asset)
    if stored.key != asset.key:  # another request was faster
        delete_blobs(dependencies.storage, [asset.key])
    return stored
