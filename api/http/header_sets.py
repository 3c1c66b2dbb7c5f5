"""Headers of requests and responses, and the sets of them that routes declare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT: dict[str, Any] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """Headers that several operations have in common, for the OpenAPI document.

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
        "ETag": ("200", "202"),
        "Cache-Control": ("200", "202"),
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


def _request_header(
    name: str, description: str, example: str, **schema: object
) -> tuple[str, dict[str, Any]]:
    return name, {
        "name": name,
        "in": "header",
        # No `example`: Swagger UI would send it.
        "description": f"{description}. Example: `{example}`",
        "schema": {**_TEXT, **schema},
    }


# Only Idempotency-Key has a pattern: a value of the others that cannot be parsed is
# ignored (RFC 9110, 7240).
REQUEST_HEADERS: dict[str, dict[str, Any]] = dict(
    (
        _request_header(
            "If-None-Match",
            "the ETag that you have: 304 if it is still the current one",
            'W/"41"',
        ),
        _request_header(
            "If-Match",
            "the job's `revision` in quotes, not its ETag: 412 if the job has another "
            "one by now. Required to change parameters, else 428; `*` means any",
            '"3"',
        ),
        _request_header(
            "Prefer",
            "`wait=N`: hold the response for up to N seconds, 60 at most",
            "wait=5",
        ),
        _request_header(
            "Range",
            "one range of bytes: 206 with these bytes, 416 if there are none",
            "bytes=0-1023",
        ),
        _request_header(
            "If-Range",
            "the ETag of which you have a part: if it is not the current one, the "
            "response is the whole file",
            '"9f86d081884c7d65"',
        ),
        _request_header(
            "Last-Event-ID",
            "of a stream: the id of the last event that you have; overrides `after`",
            "17",
        ),
        _request_header(
            "Content-Digest",
            "SHA-256 of the file (RFC 9530), of the request or of the file's part: 409 "
            "if other bytes arrive",
            "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:",
        ),
        _request_header(
            "Idempotency-Key",
            "for 24 hours, the same request with the same key gets the first response "
            "again, with `Idempotency-Replayed: true`, and creates nothing",
            "6b0f6c5e-7c0e-4a57-9a2e-0f6f0c2f6d11",
            minLength=1,
            maxLength=255,
            pattern="^[ -~]*$",
        ),
        _request_header(
            "traceparent",
            "W3C Trace Context: the job and all of its log lines name this trace",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    )
)


def _response_header(
    description: str, example: object, schema: dict[str, Any] = _TEXT
) -> dict[str, Any]:
    return {"description": description, "schema": schema, "example": example}


RESPONSE_HEADERS: dict[str, dict[str, Any]] = {
    "Request-Id": _response_header(
        "id of this request in the server's log", "req_01JD0000000000000000000000"
    ),
    "RateLimit": _response_header(
        "with keys: the budget, what is left of it, and seconds until it is full again",
        '"default";r=1198;t=1',
    ),
    "RateLimit-Policy": _response_header(
        "with keys: the budget, its requests, and in how many seconds",
        '"default";q=1200;w=60',
    ),
    "ETag": _response_header("version of the response, for If-None-Match", 'W/"41"'),
    "Cache-Control": _response_header(
        "how long the client may cache the response", "private, no-cache"
    ),
    "Retry-After": _response_header(
        "seconds until the next request is worth it",
        3,
        {"type": "integer", "minimum": 1},
    ),
    "Location": _response_header(
        "URL of what was created", "/v1/jobs/job_01JD0000000000000000000000"
    ),
    "Link": _response_header(
        'the next page, `rel="next"`; missing on the last page',
        '</v1/jobs?limit=50&cursor=...>; rel="next"',
    ),
    "Accept-Encoding": _response_header(
        "how to send the body, if a compressed one was refused", "identity"
    ),
    "Content-Range": _response_header(
        "which bytes these are, and of how many", "bytes 0-1023/183220"
    ),
    "Accept-Ranges": _response_header("the unit of Range", "bytes"),
    "Content-Disposition": _response_header(
        "file name to save it under",
        'inline; filename="impasto-job_01JD0000000000000000000000.png"',
    ),
    "Preference-Applied": _response_header("the server has waited", "wait=5"),
    "Idempotency-Replayed": _response_header(
        "`true`: the first response to this key, again", "true"
    ),
    "WWW-Authenticate": _response_header(
        "how to authenticate", 'Bearer realm="impasto"'
    ),
}
