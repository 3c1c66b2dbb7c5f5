"""Assets: find, upload and serialize them; delete blobs without rows."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, Field

from api.assets.schemas import (
    AssetForm,
    AssetObject,
    AssetUrls,
    FrameObject,
    UploadOptions,
)
from api.assets.uploads import add_picture, is_blob_whole, make_upload, restore_blob
from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.json_body import collect_body_errors
from api.http.multipart import FormSpec, read_form
from api.http.schemas import to_datetime
from api.http.validation import is_plausible_id
from api.idempotency import begin_idempotent_request, canonical_form, require_free_space
from api.job_view.serializer import frame_url
from shared.assets import (
    AssetOptions,
    Purpose,
    get_asset,
    read_asset_by_digest,
    renew_asset,
)
from shared.errors import (
    DigestMismatch,
    FieldError,
    InvalidParams,
    NotFound,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from api.http.multipart import Form
    from shared.db.models.assets import Asset
    from shared.db.models.jobs import Frame

log = structlog.get_logger(__name__)

_DIGEST_HEADER = "Content-Digest"
_DIGEST_MEMBER = re.compile(r"[A-Za-z*][\w.*-]*=[^\s].*")  # of any algorithm
_SHA256_BYTES = 32


class DigestPath(BaseModel):
    """Path parameters of an asset by the digest of its bytes."""

    sha256: str = Field(description="SHA-256 of the file, in hex")


class AssetPath(BaseModel):
    """Path parameters of an asset."""

    asset_id: str = Field(description="id of the asset")


def find_asset(asset_id: str) -> Asset:
    """Read an asset of the caller.

    Raises:
        NotFound: The caller has no asset with this id.
    """
    if not is_plausible_id(asset_id):
        raise NotFound("this is not the id of a picture")
    return get_asset(current_dependencies().database, current_owner_id(), asset_id)


def find_asset_by_digest(sha256: str) -> Asset:
    """Read the asset of the caller with this SHA-256, in hex.

    Raises:
        NotFound: The caller has no asset with this digest, or its file is missing or
            damaged. An upload of the picture stores the file again.
    """
    asset, dependencies = None, current_dependencies()
    if is_plausible_id(sha256):
        asset = read_asset_by_digest(
            dependencies.database, current_owner_id(), sha256.lower()
        )
    if asset is None or not is_blob_whole(
        dependencies.storage, asset.key or "", asset.digest
    ):
        raise NotFound("you have no picture with this digest")
    return asset


def asset_url(asset_id: str) -> str:
    """Return the path of an asset."""
    return f"/v1/assets/{asset_id}"


def serialize_asset(asset: Asset) -> AssetObject:
    """Convert the row of an asset to its response."""
    url = asset_url(asset.id)
    return AssetObject(
        id=asset.id,
        sha256=asset.digest,
        bytes=asset.bytes,
        media_type=asset.media_type,
        width=asset.width,
        height=asset.height,
        purpose=asset.purpose,
        created_at=to_datetime(asset.created_at),
        expires_at=to_datetime(asset.expires_at),
        urls=AssetUrls(self=url, content=f"{url}/content"),
    )


def serialize_frame(
    frame: Frame, promote_urls: Mapping[int, str | None]
) -> FrameObject:
    """Convert the row of a frame to its response.

    Args:
        frame: Row of the frame.
        promote_urls: Promote URL by iteration of a checkpoint; None if promotion is not
            allowed.
    """
    url = frame_url(frame.job_id, frame.iteration)
    return FrameObject(
        iteration=frame.iteration,
        scale=frame.scale,
        width=frame.width,
        height=frame.height,
        losses=frame.losses,
        has_checkpoint=frame.iteration in promote_urls,
        created_at=to_datetime(frame.created_at),
        url=url,
        thumb_url=f"{url}/thumb",
        promote_url=promote_urls.get(frame.iteration, f"{url}/promote"),
    )


def store_upload(
    dependencies: Dependencies, owner_id: str, request: Request
) -> tuple[Asset, bool]:
    """Store an uploaded picture once; return its asset, and whether the asset is new.

    Raises:
        InvalidParams: The form has no file or several, or a digest is malformed.
        DigestMismatch: The bytes received have another digest than the client sent.
        InvalidImages: The picture cannot be used.
        StorageFull: The storage is full.
    """
    require_free_space(dependencies)
    with read_form(request, dependencies, ASSET_FORM) as form:
        begin_idempotent_request(canonical_form(form))
        options, errors = _read_fields(form)
        uploads = [make_upload(file.stream, options) for file in form.files["file"]]
        if not uploads:
            errors.append(FieldError("/file", "missing", "the picture is missing"))
        if errors:
            raise InvalidParams(errors)
        upload = uploads[0]
        for declared in _declared_digests(request, form):
            if declared != upload.digest:
                raise DigestMismatch(f"sha256 {upload.digest} arrived, not {declared}")
        existing = renew_asset(dependencies.database, owner_id, upload.digest, options)
        if existing is not None:
            restore_blob(dependencies.storage, existing.key or "", upload)
            return existing, False
        stored = add_picture(dependencies, owner_id, upload)
    asset = get_asset(dependencies.database, owner_id, stored.id)
    return asset, stored.is_new


def _read_fields(form: Form) -> tuple[AssetOptions, list[FieldError]]:
    errors = [*form.errors]
    fields = collect_body_errors(form.fields, UploadOptions, errors)
    if fields is None:
        return AssetOptions(), errors
    purpose = Purpose(fields.purpose) if "purpose" in form.fields else None
    return AssetOptions(purpose, fields.expires_in), errors


def _declared_digests(request: Request, form: Form) -> Iterator[str]:
    """Yield the digests that the client sent, in hex."""
    if sha256 := form.fields.get("sha256"):
        yield sha256.lower()
    (file,) = form.files["file"]
    for headers in (request.headers, file.headers):
        if (header := headers.get(_DIGEST_HEADER)) is not None:
            yield from _parse_content_digest(header)


def _parse_content_digest(header: str) -> Iterator[str]:
    """Yield the SHA-256 digests of a Content-Digest header, in hex.

    RFC 9530, section 2: `sha-256=:BASE64:`, maybe among others.
    """
    for member in header.split(","):
        if _DIGEST_MEMBER.fullmatch(member.strip()) is None:
            detail = "is no list of digests (RFC 9530), such as sha-256=:<Base64>:"
            raise InvalidParams([FieldError(f"/{_DIGEST_HEADER}", "digest", detail)])
        name, _, value = member.strip().partition("=")
        if name.lower() != "sha-256":
            continue
        try:
            digest = b64decode(
                value.partition(";")[0].strip().strip(":"), validate=True
            )
        except (NotBase64, ValueError):
            digest = b""
        if len(digest) != _SHA256_BYTES:
            detail = "must be sha-256=:<32 bytes in Base64>:"
            raise InvalidParams([FieldError(f"/{_DIGEST_HEADER}", "digest", detail)])
        yield digest.hex()


ASSET_FORM = FormSpec("a picture", AssetForm, "curl -F file=@photo.jpg ...")
