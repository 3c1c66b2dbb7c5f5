"""Which jobs a list is of, as its address says."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema

from api.http.pagination import PageQuery
from shared.params.kinds import JobKind
from shared.queries.listing import MAX_COUNTED, JobFilters
from shared.states import TERMINAL, JobState

ACTIVE = "active"  # of all states that are no end

_NO_ZERO = r"^[^\x00]*$"  # which a database would not take
_ID = r"^[A-Za-z0-9_]*$"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_LOST_PLUS = re.compile(r" \d\d:?\d\d$")
_MOST_TAGS = 20


def _date_time(text: object) -> object:
    """Let nothing but RFC 3339 through: pydantic would take "0.5" for seconds."""
    if not isinstance(text, str) or not _DATE_TIME.match(text):
        raise ValueError("must be a time with its zone (RFC 3339)")
    if _LOST_PLUS.search(text[len("2026-01-01T00:00") :]):
        raise ValueError("has lost the + of its zone: write %2B in an address, or Z")
    return text


def _states(told: object) -> list[JobState]:
    """Read words, also several with commas between them."""
    texts = told if isinstance(told, list | tuple) else [told]
    words = [word.strip() for text in texts for word in str(text).split(",")]
    wanted: set[str] = set()
    for word in words:
        if word != ACTIVE and word not in set(JobState):
            known = ", ".join([*JobState, ACTIVE])
            raise ValueError(f"{word[:40]!r} is no state; known: {known}")
        wanted |= set(JobState) - TERMINAL if word == ACTIVE else {word}
    return [state for state in JobState if state in wanted]


_Time = Annotated[AwareDatetime, BeforeValidator(_date_time)]
_States = Annotated[
    list[JobState],
    BeforeValidator(_states),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": [*JobState, ACTIVE]},
        }
    ),
]
_Tag = Annotated[str, Field(max_length=64, pattern=_NO_ZERO)]


class JobsQuery(PageQuery):
    """Which jobs."""

    state: _States = Field(
        default=[],
        description="any of these, repeated or with commas between them; `active`: all "
        "that are no end",
    )
    kind: JobKind | None = None
    tag: list[_Tag] = Field(
        default=[], max_length=_MOST_TAGS, description="all of these, repeated"
    )
    parent_id: str | None = Field(default=None, max_length=40, pattern=_ID)
    q: str | None = Field(
        default=None,
        max_length=200,
        pattern=_NO_ZERO,
        description="words that are all in the name, in whatever order",
    )
    created_after: _Time | None = None
    created_before: _Time | None = None
    count: bool = Field(
        default=False,
        description=f"also count the jobs of all pages, to {MAX_COUNTED:,}",
    )

    def filters(self) -> JobFilters:
        """Say it as `shared.jobs` does."""
        after, before = self.created_after, self.created_before
        return JobFilters(
            states=tuple(self.state),
            kind=self.kind,
            parent_id=self.parent_id,
            tags=tuple(dict.fromkeys(self.tag)),
            text=self.q,
            created_after=None if after is None else after.timestamp(),
            created_before=None if before is None else before.timestamp(),
        )
