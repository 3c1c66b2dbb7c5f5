"""Paths of the API that hold ids: each id is checked before anything is sent."""

from __future__ import annotations

import re
from urllib.parse import quote

from impasto.errors import InvalidId

_JOB_ID = re.compile(r"job_[0-9A-Za-z]+")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


def job_path(job_id: str, *rest: str) -> str:
    """Return the path of a job, or of what is below it.

    Raises:
        InvalidId: The id would lead elsewhere.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise InvalidId(f"{job_id[:60]!r} is not the id of a job")
    return _join_path("jobs", job_id, *rest)


def asset_digest_path(sha256: str) -> str:
    """Return the path of the asset with a digest.

    Raises:
        InvalidId: The digest would lead elsewhere.
    """
    if not _SHA256.fullmatch(sha256):
        hint = "it has 64 hex digits, as sha256sum prints them"
        raise InvalidId(f"{sha256[:80]!r} is not a SHA-256", hint=hint)
    return _join_path("assets", "by-digest", sha256)


def _join_path(*segments: str) -> str:
    return "/".join(["/v1", *(quote(segment, safe="") for segment in segments)])
