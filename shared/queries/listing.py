"""Pages of an owner's jobs, by what they are and what they are called.

Every page is read from one index, from where the last one ended: it takes as long
among a million jobs as among a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, select, tuple_, union_all

from shared.db.models.jobs import Job, JobSearchTerm
from shared.jobs.search_index import tag_word, words_in
from shared.states import JobState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from shared.db.database import Database
    from shared.params.kinds import JobKind

    Place = tuple[float, str]

MAX_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class JobFilters:
    """Which jobs; what is empty or None does not matter.

    Attributes:
        states: They are in one of these.
        kind: They are of.
        parent_id: They go on from.
        tags: They have all of these.
        text: All of its words are in their names.
        created_after: Seconds since 1970, exclusive.
        created_before: The same.
    """

    states: tuple[JobState, ...] = ()
    kind: JobKind | None = None
    parent_id: str | None = None
    tags: tuple[str, ...] = ()
    text: str | None = None
    created_after: float | None = None
    created_before: float | None = None

    @property
    def words(self) -> list[str]:
        """The words that they must all be found by; the first leads the search."""
        return [*map(tag_word, self.tags), *words_in(self.text or "")]

    @property
    def finds_nothing(self) -> bool:
        """Whether the text is nothing but signs: no name is found by them."""
        return self.text is not None and not words_in(self.text)

    @property
    def lists_by_state(self) -> bool:
        """Whether several states are wanted, and no other index leads the search."""
        several = 1 < len(self.states) < len(JobState)
        return several and not self.words and self.parent_id is None


def query_jobs(
    db: Database,
    owner_id: str,
    limit: int,
    before: Place | None = None,
    filters: JobFilters | None = None,
) -> list[Job]:
    """Read an owner's jobs, newest first; deleted ones are not among them.

    Args:
        db: The database.
        owner_id: Whose.
        limit: At most so many.
        before: (created_at, id) of the last job already seen.
        filters: Only these.
    """
    wanted = filters or JobFilters()
    if wanted.finds_nothing:
        return []
    if wanted.lists_by_state:
        found = _of_states(owner_id, wanted, before, limit).subquery()
        statement = select(Job).join(found, found.c.id == Job.id)
        statement = statement.order_by(Job.created_at.desc(), Job.id.desc())
    else:
        statement = _chosen(owner_id, wanted, before, Job).limit(limit)
    with db.read() as session:
        return list(session.scalars(statement))


def count_jobs(db: Database, owner_id: str, filters: JobFilters) -> int:
    """Count an owner's jobs, to `MOST_COUNTED`: more than that nobody counts."""
    if filters.finds_nothing:
        return 0
    if filters.lists_by_state:
        found = _of_states(owner_id, filters, None, MAX_COUNTED)
    else:
        found = _chosen(owner_id, filters, None, Job.id).limit(MAX_COUNTED)
    counted = select(func.count()).select_from(found.subquery())
    with db.read() as session:
        return session.scalar(counted) or 0


def _of_states(
    owner_id: str, wanted: JobFilters, before: Place | None, limit: int
) -> Select[Any]:
    """Ids and times of the newest in several states.

    Each state has its own stretch of the index: read one after the other, all jobs of
    these states would have to be sorted, or all others passed over.
    """
    parts = []
    for state in wanted.states:
        of_one = replace(wanted, states=(state,))
        part = _chosen(owner_id, of_one, before, Job.id, Job.created_at)
        parts.append(select(part.limit(limit).subquery()))
    each = union_all(*parts).subquery()
    newest = select(each.c.id, each.c.created_at)
    return newest.order_by(each.c.created_at.desc(), each.c.id.desc()).limit(limit)


def _chosen(
    owner_id: str, wanted: JobFilters, before: Place | None, *what: Any
) -> Select[Any]:
    words = wanted.words
    created: Any = Job.created_at
    job_id: Any = Job.id
    statement = select(*what).where(Job.owner_id == owner_id, Job.deleted_at.is_(None))
    if words:  # the index of words leads, in its own order
        created, job_id = JobSearchTerm.created_at, JobSearchTerm.job_id
        statement = statement.join(JobSearchTerm, JobSearchTerm.job_id == Job.id).where(
            JobSearchTerm.owner_id == owner_id, JobSearchTerm.term == words[0]
        )
    for word in words[1:]:
        named = exists().where(
            JobSearchTerm.job_id == Job.id, JobSearchTerm.term == word
        )
        statement = statement.where(named.correlate(Job))
    statement = statement.where(*_columns(wanted))
    if before is not None:
        statement = statement.where(tuple_(created, job_id) < before)
    if wanted.created_after is not None:
        statement = statement.where(created > wanted.created_after)
    if wanted.created_before is not None:
        statement = statement.where(created < wanted.created_before)
    return statement.order_by(created.desc(), job_id.desc())


def _columns(wanted: JobFilters) -> list[ColumnElement[bool]]:
    asked = {Job.kind: wanted.kind, Job.parent_id: wanted.parent_id}
    found = [column == value for column, value in asked.items() if value is not None]
    if len(wanted.states) == 1:
        return [*found, Job.state == wanted.states[0]]
    if 0 < len(wanted.states) < len(JobState):
        return [*found, Job.state.in_(wanted.states)]
    return found
