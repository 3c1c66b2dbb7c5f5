"""Pages of an owner's jobs, by what they are and what they are called.

Every page is read from one index, from where the last one ended: it takes as long
among a million jobs as among a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select, tuple_

from shared.jobs.words import tag_word, words_in
from shared.mark_models import JobWord
from shared.models import Job

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from shared.db import Database
    from shared.kinds import JobKind
    from shared.states import JobState


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs; None does not matter.

    Attributes:
        state: They are in.
        kind: They are of.
        parent_id: They go on from.
        tag: They have.
        text: All of its words are in their names.
        created_after: Seconds since 1970, exclusive.
        created_before: The same.
    """

    state: JobState | None = None
    kind: JobKind | None = None
    parent_id: str | None = None
    tag: str | None = None
    text: str | None = None
    created_after: float | None = None
    created_before: float | None = None

    @property
    def words(self) -> list[str]:
        """The words that they must all be found by; the first leads the search."""
        tagged = [] if self.tag is None else [tag_word(self.tag)]
        return [*tagged, *words_in(self.text or "")]


def list_jobs(
    db: Database,
    owner_id: str,
    limit: int,
    before: tuple[float, str] | None = None,
    filters: Filters | None = None,
) -> list[Job]:
    """Read an owner's jobs, newest first; deleted ones are not among them.

    Args:
        db: The database.
        owner_id: Whose.
        limit: At most so many.
        before: (created_at, id) of the last job already seen.
        filters: Only these.
    """
    wanted = filters or Filters()
    if wanted.text is not None and not words_in(wanted.text):
        return []  # nothing but signs: no name is found by them
    statement = _chosen(owner_id, wanted, before)
    with db.read() as session:
        return list(session.scalars(statement.limit(limit)))


def _chosen(
    owner_id: str, wanted: Filters, before: tuple[float, str] | None
) -> Select[Job]:
    words = wanted.words
    created: Any = Job.created_at
    job_id: Any = Job.id
    statement = select(Job).where(Job.owner_id == owner_id, Job.deleted_at.is_(None))
    if words:  # the index of words leads, in its own order
        created, job_id = JobWord.created_at, JobWord.job_id
        statement = statement.join(JobWord, JobWord.job_id == Job.id).where(
            JobWord.owner_id == owner_id, JobWord.word == words[0]
        )
    for word in words[1:]:
        named = exists().where(JobWord.job_id == Job.id, JobWord.word == word)
        statement = statement.where(named.correlate(Job))
    statement = statement.where(*_columns(wanted))
    if before is not None:
        statement = statement.where(tuple_(created, job_id) < before)
    if wanted.created_after is not None:
        statement = statement.where(created > wanted.created_after)
    if wanted.created_before is not None:
        statement = statement.where(created < wanted.created_before)
    return statement.order_by(created.desc(), job_id.desc())


def _columns(wanted: Filters) -> list[ColumnElement[bool]]:
    asked = {
        Job.state: wanted.state,
        Job.kind: wanted.kind,
        Job.parent_id: wanted.parent_id,
    }
    return [column == value for column, value in asked.items() if value is not None]
