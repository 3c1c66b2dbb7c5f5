"""Compression of responses with gzip, for clients that accept it.

Text of more than one kilobyte is compressed: JSON, HTML, scripts, styles, SVG. Pictures
and archives are compressed already. Event streams are not compressed, since an event
must not wait until a block is full.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

if TYPE_CHECKING:
    from flask import Response

_MIN_BYTES = 1024
_MAX_BYTES = 8 * 2**20  # since a text is in memory twice during compression
_SMALL_BYTES = 16 * 1024  # a job has 4 kB
_LEVEL = 3  # half the time of level 6; 3 % instead of 2.5 % of a list of jobs
_FILE_LEVEL = 9  # for static files, which are compressed once
_TEXT_TYPES = frozenset(
    {
        "application/json",
        "application/problem+json",
        "application/javascript",
        "application/manifest+json",
        "image/svg+xml",
    }
)
_EXCLUDED_TYPE = "text/event-stream"


def compress_response(response: Response) -> None:
    """Compress a response if its client accepts gzip and the body is large enough.

    The ETag becomes weak, since not all clients get the same bytes.
    """
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        response.headers.add("Vary", "Accept-Encoding")
        _repeat_weak_etag(response)
        return
    if not _is_compressible(response):
        return
    response.headers.add("Vary", "Accept-Encoding")
    if not _accepts_gzip(request.headers.get("Accept-Encoding", "")):
        return
    etag = response.headers.get("ETag", "")
    is_file = response.direct_passthrough  # true for static files in Flask
    response.direct_passthrough = False
    data = response.get_data()
    if is_file:
        response.set_data(_compress_file(_File(request.path, etag, data)))
    elif len(data) <= _SMALL_BYTES:
        response.set_data(_compress_small(data))
    else:
        response.set_data(_compress(data))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    if etag.startswith('"'):
        response.headers["ETag"] = f"W/{etag}"


def _is_compressible(response: Response) -> bool:
    length = response.headers.get("Content-Length")  # None: a stream
    return (
        length is not None
        and _MIN_BYTES < int(length) <= _MAX_BYTES
        and _is_text(response.headers.get("Content-Type", ""))
        and response.status_code != HTTPStatus.PARTIAL_CONTENT
        and "Content-Encoding" not in response.headers
    )


@lru_cache(maxsize=64)
def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _EXCLUDED_TYPE:
        return False
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


@lru_cache(maxsize=64)
def _accepts_gzip(header: str) -> bool:
    return parse_accept_header(header, Accept).quality("gzip") > 0


def _compress(data: bytes) -> bytes:
    return gzip.compress(data, _LEVEL, mtime=0)


# Many clients poll the same jobs, and compressing one costs a tenth of the poll.
_compress_small = lru_cache(maxsize=256)(_compress)


@dataclass(frozen=True, slots=True)
class _File:
    """Static file, identified by its path and ETag."""

    path: str
    etag: str
    data: bytes = field(compare=False)


@lru_cache(maxsize=64)
def _compress_file(file: _File) -> bytes:
    return gzip.compress(file.data, _FILE_LEVEL, mtime=0)


def _repeat_weak_etag(response: Response) -> None:
    """Make the ETag of a 304 weak, as in the client's response: RFC 9110, 15.4.5."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"') and request.if_none_match.is_weak(etag.strip('"')):
        response.headers["ETag"] = f"W/{etag}"
