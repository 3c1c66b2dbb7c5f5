"""A picture that is sent by itself: its digest checked, kept once."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING

from api.form_schemas import MAX_EXPIRES_IN
from api.forms import ASSET_FORM, received
from api.job_requests import Picture
from api.replays import asked_by, recognize, require_room
from api.submission import inspect_all, keep_all
from shared import jobs
from shared.errors import DigestMismatch, FieldError, InvalidParams
from shared.jobs import SENT_FOR, Purpose, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request

    from api.forms import Form
    from api.services import Services
    from shared.models import Asset

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
        known = jobs.renew_asset(services.database, owner_id, digest, wish)
        if known is not None:
            return known, False
        checked = inspect_all(services, [picture])
        (stored,) = keep_all(services, owner_id, checked, wish)
    asset = jobs.get_asset(services.database, owner_id, stored.asset_id)
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
