"""The headers of the API in OpenAPI's words: those it takes, and those it tells.

What parameters of paths and queries mean that say nothing themselves, by name.

What operations have in common, for the OpenAPI document: headers and answers.

A test sends requests and compares: what an answer has is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    each["name"]: each
    for each in (
        _asked(
            "If-None-Match",
            "the ETag of what is known: 304 if that is still all there is",
            'W/"41"',
        ),
        _asked(
            "If-Match",
            "the job's `revision`, in quotes, not its ETag: 412 if "
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

RESPONSE_HEADERS: dict[str, dict[str, Any]] = {
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
    "ETag": _told("of what is sent; If-None-Match takes it", 'W/"41"', _TEXT),
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
    "Accept-Encoding": _told(
        "where a compressed body was refused: how to send it", "identity", _TEXT
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

PARAMETERS: dict[str, str] = {
    "job_id": "`id` of a job",
    "asset_id": "`id` of an asset",
    "key_id": "`id` of a key",
    "sha256": "of the picture's bytes, in hex",
    "iteration": "one of those that the list of frames has",
    "name": "of one of the job's `outputs`",
    "limit": "how many at most",
    "state": "only jobs in it",
    "kind": "only jobs of it",
    "tag": "only jobs that have it",
    "parent_id": "only jobs that go on from this one",
    "created_after": "only jobs from then on",
    "created_before": "only jobs from before",
    "format": "of the answer; without it, by default or by Accept",
}

_GOOD = ("200", "201", "202")
_SENT = ("200", "206")


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that several operations can do.

    Attributes:
        asks: Headers of requests.
        tells: Statuses of answers, by the header that they have.
        answers: Further statuses that come of it.
    """

    asks: tuple[str, ...] = ()
    tells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: tuple[str, ...] = ()


CACHED = Trait(
    ("If-None-Match",),
    {"ETag": (*_SENT, "304"), "Cache-Control": (*_SENT, "304")},
    ("304",),
)
IN_PARTS = Trait(
    ("Range", "If-Range"),
    {"Accept-Ranges": (*_SENT, "304"), "Content-Range": ("206",)},
    ("206", "416"),
)
NAMED = Trait(tells={"Content-Disposition": (*_SENT, "304")})
OF_A_JOB = Trait(
    tells={
        "Retry-After": ("200", "202"),
        "Location": ("202",),
    }
)
LOOKED_AT = Trait(tells={"Retry-After": ("200", "304")})
HELD = Trait(("Prefer",), {"Preference-Applied": ("200", "202", "304")})
STEERED = Trait(("If-Match",))
PAGED = Trait(tells={"Link": ("200",)})
STREAMED = Trait(("Last-Event-ID",), {"Cache-Control": ("200",)})
UPLOADED = Trait(("Content-Digest",), {"Location": ("200", "201")})
KEPT = Trait(tells={"Location": ("200", "201", "202")})
IDEMPOTENCY_TRAIT = Trait(("Idempotency-Key",), {"Idempotency-Replayed": _GOOD})
TRACED = Trait(("traceparent",))

_PICTURE = (CACHED, IN_PARTS, NAMED)
TRAITS: dict[str, tuple[Trait, ...]] = {
    "list_assets": (PAGED,),
    "add_asset": (UPLOADED,),
    "show_asset": (CACHED,),
    "show_content": _PICTURE,
    "list_jobs": (PAGED,),
    "submit_job": (OF_A_JOB, HELD, TRACED),
    "show_job": (CACHED, LOOKED_AT, HELD),
    "change_job": (OF_A_JOB, STEERED),
    "show_job_events": (PAGED, STREAMED),
    "show_events": (PAGED, STREAMED),
    "explore": (OF_A_JOB, HELD, TRACED),
    "cancel_job": (OF_A_JOB,),
    "pause_job": (OF_A_JOB,),
    "resume_job": (OF_A_JOB,),
    "finish_job": (OF_A_JOB,),
    "fork_job": (OF_A_JOB, TRACED),
    "extend_job": (OF_A_JOB, TRACED),
    "retry_job": (OF_A_JOB, TRACED),
    "show_result": _PICTURE,
    "show_output": _PICTURE,
    "list_frames": (CACHED,),
    "show_latest_frame": _PICTURE,
    "show_frame": _PICTURE,
    "show_thumb": _PICTURE,
    "promote_frame": (OF_A_JOB, KEPT),
    "show_metrics": (CACHED,),
    "show_manifest": (CACHED,),
    "show_tree": (CACHED,),
    "list_keys": (PAGED,),
    "show_capabilities": (CACHED,),
    "show_entry": (CACHED,),
}
