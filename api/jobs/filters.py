"""Query parameters that filter the list of jobs."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
)

from api.http.pagination import PageQuery
from api.job_view.schemas import JobObject
from shared.params.kinds import JobKind
from shared.queries.listing import MAX_COUNTED, JobFilters
from shared.states import TERMINAL, JobState

ACTIVE = "active"  # stands for all states that are not terminal

_NO_NUL = r"^[^\x00]*$"  # databases refuse NUL in text
_ID = r"^[A-Za-z0-9_]*$"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_SPACE_OFFSET = re.compile(r" \d\d:?\d\d$")
_MAX_TAGS = 20


def _check_date_time(text: object) -> object:
    """Accept only RFC 3339: pydantic would accept "0.5" as seconds."""
    if not isinstance(text, str) or not _DATE_TIME.match(text):
        raise ValueError("must be a time with its zone (RFC 3339)")
    if _SPACE_OFFSET.search(text[len("2026-01-01T00:00") :]):
        raise ValueError("has lost the + of its zone: write %2B in an address, or Z")
    return text


def _parse_states(value: object) -> list[JobState]:
    """Parse states, which may be separated by commas, and `active`."""
    texts = value if isinstance(value, list | tuple) else [value]
    names = [name.strip() for text in texts for name in str(text).split(",")]
    states: set[str] = set()
    for name in names:
        if name != ACTIVE and name not in set(JobState):
            allowed = ", ".join([*JobState, ACTIVE])
            raise ValueError(f"{name[:40]!r} is no state; known: {allowed}")
        states |= set(JobState) - TERMINAL if name == ACTIVE else {name}
    return [state for state in JobState if state in states]


_Time = Annotated[AwareDatetime, BeforeValidator(_check_date_time)]
_States = Annotated[
    list[JobState],
    BeforeValidator(_parse_states),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": [*JobState, ACTIVE]},
        }
    ),
]
_Tag = Annotated[str, Field(max_length=64, pattern=_NO_NUL)]


class JobsQuery(PageQuery):
    """Query parameters of the list of jobs."""

    item_model: ClassVar[type[BaseModel]] = JobObject

    state: _States = Field(
        default=[],
        description="only jobs in one of these states, repeated or separated by "
        "commas; `active`: all states in which a job has not ended",
    )
    kind: JobKind | None = Field(default=None, description="only jobs of this kind")
    tag: list[_Tag] = Field(
        default=[],
        max_length=_MAX_TAGS,
        description="only jobs with all of these tags; repeat the parameter",
    )
    parent_id: str | None = Field(
        default=None,
        max_length=40,
        pattern=_ID,
        description="only jobs that continue this job",
    )
    q: str | None = Field(
        default=None,
        max_length=200,
        pattern=_NO_NUL,
        description="only jobs with all of these words in the name, in any order",
    )
    created_after: _Time | None = Field(
        default=None, description="only jobs created after this time"
    )
    created_before: _Time | None = Field(
        default=None, description="only jobs created before this time"
    )
    count: bool = Field(
        default=False,
        description=f"also count the jobs of all pages, up to {MAX_COUNTED:,}",
    )

    def filters(self) -> JobFilters:
        """Convert the query parameters to the filters of `shared.queries.listing`."""
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
