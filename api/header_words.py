"""The headers of the API in OpenAPI's words: those it takes, and those it tells."""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_SECONDS: dict[str, Any] = {"type": "integer", "minimum": 1}


def _asked(name: str, about: str, example: str, **schema: object) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": about,
        "schema": {**_TEXT, **schema},
        "example": example,
    }


def _told(about: str, example: object, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "schema": schema, "example": example}


# Without patterns: what cannot be understood counts as not said (RFC 9110, 7240).
ASKED: dict[str, dict[str, Any]] = {
    each["name"]: each
    for each in (
        _asked(
            "If-None-Match",
            "the ETag of what is known: 304 if that is still all there is",
            'W/"3.42.cb04cdf8feb6a404"',
        ),
        _asked(
            "If-Match",
            "the job's `revision`, in quotes, or the ETag of a look at it: 412 if "
            "there is another revision by now. "
            "Needed for parameters, else 428; `*` means any",
            '"3"',
        ),
        _asked(
            "Prefer",
            "`wait=N`: hold the answer for up to N seconds, 60 at most",
            "wait=5",
        ),
        _asked(
            "Range",
            "one part of the bytes: 206 with it, 416 if there is nothing of it",
            "bytes=0-1023",
        ),
        _asked(
            "If-Range",
            "the ETag that the part must be of, else all of it comes",
            '"9f86d081884c7d65"',
        ),
        _asked(
            "Last-Event-ID",
            "of a stream: the id of the last event that was heard; counts before "
            "`after`",
            "17",
        ),
        _asked(
            "Content-Digest",
            "SHA-256 of the file (RFC 9530), in the request or in its part: 409 if "
            "other bytes arrive",
            "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:",
        ),
        _asked(
            "Idempotency-Key",
            "for 24 hours, the same request with the same key is answered with the "
            "first answer and `Idempotency-Replayed: true`, and makes nothing",
            "6b0f6c5e-7c0e-4a57-9a2e-0f6f0c2f6d11",
            minLength=1,
            maxLength=255,
        ),
        _asked(
            "traceparent",
            "W3C Trace Context: the job and all logs of it name this trace",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    )
}

TOLD: dict[str, dict[str, Any]] = {
    "Request-Id": _told(
        "under which the server's log has this request",
        "req_01JD0000000000000000000000",
        _TEXT,
    ),
    "RateLimit": _told(
        "with keys: the budget, what is left of it, and seconds until it is whole",
        '"default";r=1198;t=1',
        _TEXT,
    ),
    "RateLimit-Policy": _told(
        "with keys: the budget, its requests, and their seconds",
        '"default";q=1200;w=60',
        _TEXT,
    ),
    "ETag": _told(
        "of what is sent; If-None-Match takes it", 'W/"3.42.cb04cdf8feb6a404"', _TEXT
    ),
    "Cache-Control": _told(
        "whether it may be kept, by its receiver alone", "private, no-cache", _TEXT
    ),
    "Retry-After": _told("seconds until it is worth another look", 3, _SECONDS),
    "Location": _told(
        "of what was made", "/v1/jobs/job_01JD0000000000000000000000", _TEXT
    ),
    "Link": _told(
        'the next page, `rel="next"`; missing on the last one',
        '</v1/jobs?limit=50&cursor=...>; rel="next"',
        _TEXT,
    ),
    "Content-Range": _told(
        "which bytes these are, and of how many", "bytes 0-1023/183220", _TEXT
    ),
    "Accept-Ranges": _told("that Range can be asked for", "bytes", _TEXT),
    "Content-Disposition": _told(
        "what to call the file",
        'inline; filename="impasto-job_01JD0000000000000000000000.png"',
        _TEXT,
    ),
    "Preference-Applied": _told("that the server has waited", "wait=5", _TEXT),
    "Idempotency-Replayed": _told(
        "`true`: the first answer to this key, again", "true", _TEXT
    ),
    "WWW-Authenticate": _told("how to ask", 'Bearer realm="impasto"', _TEXT),
}
