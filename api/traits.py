"""What operations have in common, for the OpenAPI document: headers and answers.

A test sends requests and compares: what an answer has is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        "ETag": ("200", "202"),
        "Cache-Control": ("200", "202"),
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
ONCE = Trait(("Idempotency-Key",), {"Idempotency-Replayed": _GOOD})
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
