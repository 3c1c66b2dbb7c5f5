"""Headers of requests and responses, and the sets of them that routes declare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT: dict[str, Any] = {"type": "string"}
_ASCII = "^[!-~]([ -~]*[!-~])?$"  # HTTP drops spaces at both ends


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """Headers shared by several operations, for the OpenAPI document.

    Attributes:
        request: Headers that requests may have.
        response: Statuses of the responses that have a header, by its name.
        statuses: Further statuses of responses that these headers lead to.
    """

    request: tuple[str, ...] = ()
    response: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statuses: tuple[str, ...] = ()


_CONTENT = ("200", "206")
_CACHEABLE = (*_CONTENT, "304")

ETAG = HeaderSet(
    ("If-None-Match",), {"ETag": _CACHEABLE, "Cache-Control": _CACHEABLE}, ("304",)
)
RANGES = HeaderSet(
    ("Range", "If-Range"),
    {"Accept-Ranges": _CACHEABLE, "Content-Range": ("206",)},
    ("206", "416"),
)
FILE_NAME = HeaderSet(response={"Content-Disposition": _CACHEABLE})
PICTURE = (ETAG, RANGES, FILE_NAME)
JOB = HeaderSet(
    response={
        "Retry-After": ("200", "202"),
        "Location": ("202",),
    }
)
POLL = HeaderSet(response={"Retry-After": ("200", "304")})
WAIT = HeaderSet(("Prefer",), {"Preference-Applied": ("200", "202", "304")})
IF_MATCH = HeaderSet(("If-Match",))
NEXT_PAGE = HeaderSet(response={"Link": ("200",)})
EVENT_STREAM = HeaderSet(("Last-Event-ID",), {"Cache-Control": ("200",)})
DIGEST = HeaderSet(("Content-Digest",))
LOCATION = HeaderSet(response={"Location": ("200", "201", "202")})
TRACE = HeaderSet(("traceparent",))
IDEMPOTENCY = HeaderSet(
    ("Idempotency-Key",),
    {"Idempotency-Replayed": ("200", "201", "202")},
    ("400", "409"),
)

ALWAYS = ("Request-Id", "RateLimit", "RateLimit-Policy")
PROBLEM_HEADERS: Mapping[str, str] = {
    "401": "WWW-Authenticate",
    "403": "WWW-Authenticate",
    "409": "Retry-After",
    "415": "Accept-Encoding",
    "416": "Content-Range",
    "429": "Retry-After",
    "503": "Retry-After",
}


# Examples are in the texts, since Swagger UI would send a member `example`. Invalid
# values are ignored (RFC 9110, RFC 7240), except for Idempotency-Key, which has bounds.
_REQUEST = {
    "If-None-Match": 'ETag of the response that you have, as `W/"41"`: 304 if it is '
    "unchanged",
    "If-Match": '`revision` of the job in quotes, as `"3"`, not its ETag: 412 if there '
    "is a newer one. Required to change parameters, else 428; `*` means any",
    "Prefer": "`wait=5`: hold the response for up to 5 seconds; 60 at most",
    "Range": "one range of bytes, as `bytes=0-1023`: 206, or 416 if there are none",
    "If-Range": 'ETag of the file of which you have a part, as `"9f86d081"`: if the '
    "file has changed, the response is the whole file",
    "Last-Event-ID": "id of the last event that you received in a stream, as `17`; "
    "overrides `after`",
    "Content-Digest": "SHA-256 of the file (RFC 9530), of the request or of its part, "
    "as `sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:`; 409 if other bytes "
    "arrive",
    "Idempotency-Key": "key of the request, such as a UUID. For 24 hours, the same "
    "request with the same key gets the first response again, with "
    "`Idempotency-Replayed: true`, and creates nothing",
    "traceparent": "W3C Trace Context, as "
    "`00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`: the job and all of its "
    "log lines name this trace",
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {**_TEXT, "minLength": 1, "maxLength": 255, "pattern": _ASCII},
    "Retry-After": {"type": "integer", "minimum": 1},
}
REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    name: {
        "name": name,
        "in": "header",
        "description": description,
        "schema": _SCHEMAS.get(name, _TEXT),
    }
    for name, description in _REQUEST.items()
}

_RESPONSE: dict[str, tuple[str, object]] = {
    "Request-Id": ("id of the request in the log", "req_01JD0000000000000000000000"),
    "RateLimit": (
        "with keys: budget, remaining requests, and seconds until it is full again",
        '"default";r=1198;t=1',
    ),
    "RateLimit-Policy": (
        "with keys: budget, its requests, and the seconds for which they count",
        '"default";q=1200;w=60',
    ),
    "ETag": ("version of the response, for If-None-Match", 'W/"41"'),
    "Cache-Control": ("how long a client may cache the response", "private, no-cache"),
    "Retry-After": ("seconds to wait before the next request", 3),
    "Location": (
        "URL of the created or accepted resource",
        "/v1/jobs/job_01JD0000000000000000000000",
    ),
    "Link": (
        'URL of the next page, `rel="next"`; missing on the last page',
        '</v1/jobs?limit=50&cursor=...>; rel="next"',
    ),
    "Accept-Encoding": (
        "encodings of request bodies that the server accepts",
        "identity",
    ),
    "Content-Range": (
        "range of the bytes in the response, and the size of the file",
        "bytes 0-1023/183220",
    ),
    "Accept-Ranges": ("unit of Range", "bytes"),
    "Content-Disposition": (
        "suggested name of the saved file",
        'inline; filename="impasto-job_01JD0000000000000000000000.png"',
    ),
    "Preference-Applied": ("wait that the server has applied", "wait=5"),
    "Idempotency-Replayed": (
        "`true`: this is the first response to this key, sent again",
        "true",
    ),
    "WWW-Authenticate": ("how to authenticate", 'Bearer realm="impasto"'),
}
RESPONSE_HEADERS: dict[str, dict[str, Any]] = {
    name: {
        "description": description,
        "schema": _SCHEMAS.get(name, _TEXT),
        "example": example,
    }
    for name, (description, example) in _RESPONSE.items()
}
