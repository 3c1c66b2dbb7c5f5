"""Rows of pictures and previews, as the objects that the API says.

Blobs that no row names any more go from the storage.

A picture that is sent by itself: its digest checked, kept once.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, Field

from api.assets.schemas import MAX_EXPIRES_IN, AssetObject, AssetUrls, FrameObject
from api.assets.uploads import Picture, inspect_all, keep_all
from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.multipart import FormKind, received
from api.http.timestamps import instant
from api.http.validation import is_plausible_id
from api.idempotency import asked_by, recognize, require_room
from api.job_view.serializer import frame_url
from shared.assets import (
    SENT_FOR,
    Purpose,
    Wish,
    asset_by_digest,
    get_asset,
    renew_asset,
)
from shared.errors import (
    DigestMismatch,
    FieldError,
    InvalidParams,
    NotFound,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from werkzeug.wrappers import Request

    from api.dependencies import Services
    from api.http.multipart import Form
    from shared.db.models.assets import Asset
    from shared.db.models.jobs import Frame


class DigestPath(BaseModel):
    """Which bytes."""

    sha256: str = Field(description="in hex")


class AssetPath(BaseModel):
    """Which uploaded picture."""

    asset_id: str


def find_asset(asset_id: str) -> Asset:
    """Read what is known of an uploaded picture of the caller.

    Raises:
        NotFound: There is none with this id.
    """
    if not is_plausible_id(asset_id):
        raise NotFound("this is not the id of a picture")
    return get_asset(current_services().database, current_owner_id(), asset_id)


def find_asset_by_digest(sha256: str) -> Asset:
    """Read what is known of the picture of the caller that has these bytes.

    Raises:
        NotFound: The caller has none with them.
    """
    asset = None
    if is_plausible_id(sha256):
        asset = asset_by_digest(
            current_services().database, current_owner_id(), sha256.lower()
        )
    if asset is None:
        raise NotFound("you have no picture with this digest")
    return asset


def asset_url(asset_id: str) -> str:
    """Where an uploaded picture is."""
    return f"/v1/assets/{asset_id}"


def present_asset(asset: Asset) -> AssetObject:
    """Describe an uploaded picture."""
    url = asset_url(asset.id)
    return AssetObject(
        id=asset.id,
        sha256=asset.digest,
        bytes=asset.bytes,
        media_type=asset.media_type,
        width=asset.width,
        height=asset.height,
        purpose=asset.purpose,
        created_at=instant(asset.created_at),
        expires_at=instant(asset.expires_at),
        urls=AssetUrls(self=url, content=f"{url}/content"),
    )


def present_frame(frame: Frame, checkpoints: Collection[int]) -> FrameObject:
    """Describe a preview; `checkpoints` are the iterations of its job's."""
    url = frame_url(frame.job_id, frame.iteration)
    return FrameObject(
        iteration=frame.iteration,
        scale=frame.scale,
        width=frame.width,
        height=frame.height,
        losses=frame.losses,
        has_checkpoint=frame.iteration in checkpoints,
        created_at=instant(frame.created_at),
        url=url,
        thumb_url=f"{url}/thumb",
        promote_url=f"{url}/promote",
    )


log = structlog.get_logger(__name__)


def drop_blobs(services: Services, keys: Iterable[str]) -> None:
    """Delete these; what cannot be deleted now, the sweep will find."""
    for key in keys:
        try:
            services.storage.delete(key)
        except StorageError as error:
            log.warning("blob_deletion_failed", key=key, error=str(error))


_HEADER = "Content-Digest"
_MEMBER = re.compile(r"[A-Za-z*][\w.*-]*=[^\s].*")  # of any algorithm
_WHOLE = re.compile(r"[0-9]{1,12}")
_SHA256_BYTES = 32


def keep_upload(
    services: Services, owner_id: str, request: Request
) -> tuple[Asset, bool]:
    """Take a picture; return it, and whether its owner did not have it.

    Raises:
        InvalidParams: There is no file, or more than one, or the digest is none.
        DigestMismatch: Other bytes have arrived than were sent.
        PictureRefused: It is no picture we take.
        StorageFull: There is no room for it.
    """
    require_room(services)
    with received(request, services, ASSET_FORM) as form:
        recognize(asked_by(form))
        picture, wish = _read(form)
        digest = picture.digest()
        for told in _told(request, form):
            if told != digest:
                raise DigestMismatch(f"sha256 {digest} arrived, not {told}")
        known = renew_asset(services.database, owner_id, digest, wish)
        if known is not None:
            return known, False
        checked = inspect_all(services, [picture])
        (stored,) = keep_all(services, owner_id, checked, wish)
    asset = get_asset(services.database, owner_id, stored.asset_id)
    return asset, stored.is_new


def _read(form: Form) -> tuple[Picture, Wish]:
    errors = [*form.errors]
    if not form.files["file"]:
        errors.append(FieldError("/file", "missing", "the picture is missing"))
    wish = Wish(_purpose(form, errors), _expires_in(form, errors))
    if errors:
        raise InvalidParams(errors)
    return Picture("file", 0, form.files["file"][0]), wish


def _purpose(form: Form, errors: list[FieldError]) -> Purpose | None:
    text = form.fields.get("purpose", "").strip()
    if text and text not in SENT_FOR:
        detail = f"must be one of {', '.join(SENT_FOR)}"
        errors.append(FieldError("/purpose", "enum", detail))
        return None
    return Purpose(text) if text else None


def _expires_in(form: Form, errors: list[FieldError]) -> int | None:
    text = form.fields.get("expires_in", "").strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= MAX_EXPIRES_IN:
        detail = f"must be whole seconds, from 1 to {MAX_EXPIRES_IN}"
        errors.append(FieldError("/expires_in", "range", detail))
        return None
    return int(text)


def _told(request: Request, form: Form) -> Iterator[str]:
    """The digests that were told, in hex."""
    (file,) = form.files["file"]
    if text := form.fields.get("sha256", "").strip().lower():
        if len(text) != 2 * _SHA256_BYTES or set(text) - set("0123456789abcdef"):
            detail = "must be 64 hex digits"
            raise InvalidParams([FieldError("/sha256", "digest", detail)])
        yield text
    for headers in (request.headers, file.headers):
        if (header := headers.get(_HEADER)) is not None:
            yield from _in_header(header)


def _in_header(header: str) -> Iterator[str]:
    """Read RFC 9530, section 2: `sha-256=:BASE64:`, maybe among others."""
    for member in header.split(","):
        if _MEMBER.fullmatch(member.strip()) is None:
            detail = "is no list of digests (RFC 9530), such as sha-256=:<Base64>:"
            raise InvalidParams([FieldError(f"/{_HEADER}", "digest", detail)])
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
            raise InvalidParams([FieldError(f"/{_HEADER}", "digest", detail)])
        yield digest.hex()


ASSET_FORM = FormKind(
    "a picture",
    {"file": 1},
    (),
    ("sha256", "purpose", "expires_in"),
    "file, sha256, purpose, expires_in",
    "curl -F file=@photo.jpg ...",
)
