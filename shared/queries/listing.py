"""Filtered pages of an owner's jobs.

Each page is read from one index, from the end of the previous page. So its time does
not grow with the number of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, select, tuple_, union_all

from shared.db.models.jobs import Job, JobSearchTerm
from shared.jobs.search_index import search_terms, tag_term
from shared.states import JobState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from shared.db.database import Database
    from shared.params.kinds import JobKind

    JobCursor = tuple[float, str]

MAX_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class JobFilters:
    """Conditions for listed jobs; empty values and None are no conditions.

    Attributes:
        states: States; the job has one of them.
        kind: Kind of the job.
        parent_id: Id of the job's parent.
        tags: Tags; the job has all of them.
        text: Words; the job's name has all of them.
        created_after: Time of creation, seconds since 1970, exclusive.
        created_before: Time of creation, seconds since 1970, exclusive.
    """

    states: tuple[JobState, ...] = ()
    kind: JobKind | None = None
    parent_id: str | None = None
    tags: tuple[str, ...] = ()
    text: str | None = None
    created_after: float | None = None
    created_before: float | None = None

    @property
    def search_terms(self) -> list[str]:
        """Search terms that a job must all have; the first one leads the search."""
        return [*map(tag_term, self.tags), *search_terms(self.text or "")]

    @property
    def matches_nothing(self) -> bool:
        """Return whether the text has no words, so that no name matches it."""
        return self.text is not None and not search_terms(self.text)

    @property
    def lists_by_state(self) -> bool:
        """Return whether several states are given, and no other index is used."""
        several = 1 < len(self.states) < len(JobState)
        return several and not self.search_terms and self.parent_id is None


def query_jobs(
    db: Database,
    owner_id: str,
    limit: int,
    cursor: JobCursor | None = None,
    filters: JobFilters | None = None,
) -> list[Job]:
    """Read an owner's jobs, newest first, without deleted ones.

    Args:
        db: Database.
        owner_id: Owner of the jobs.
        limit: Maximum number of jobs.
        cursor: (created_at, id) of the last job already read.
        filters: Conditions that the jobs meet, or None for all jobs.
    """
    filters = filters or JobFilters()
    if filters.matches_nothing:
        return []
    if filters.lists_by_state:
        page = _select_by_state(owner_id, filters, cursor, limit).subquery()
        statement = select(Job).join(page, page.c.id == Job.id)
        statement = statement.order_by(Job.created_at.desc(), Job.id.desc())
    else:
        statement = _select_filtered(owner_id, filters, cursor, Job).limit(limit)
    with db.read() as session:
        return list(session.scalars(statement))


def count_jobs(db: Database, owner_id: str, filters: JobFilters) -> int:
    """Count an owner's jobs, up to `MAX_COUNTED`."""
    if filters.matches_nothing:
        return 0
    if filters.lists_by_state:
        matching = _select_by_state(owner_id, filters, None, MAX_COUNTED)
    else:
        matching = _select_filtered(owner_id, filters, None, Job.id)
        matching = matching.limit(MAX_COUNTED)
    count = select(func.count()).select_from(matching.subquery())
    with db.read() as session:
        return session.scalar(count) or 0


def _select_by_state(
    owner_id: str, filters: JobFilters, cursor: JobCursor | None, limit: int
) -> Select[Any]:
    """Select ids and times of the newest jobs in several states.

    Each state has its own range of the index. A single query over all states would sort
    all jobs of these states, or skip all others.
    """
    selects = []
    for state in filters.states:
        one_state = replace(filters, states=(state,))
        of_state = _select_filtered(owner_id, one_state, cursor, Job.id, Job.created_at)
        selects.append(select(of_state.limit(limit).subquery()))
    jobs = union_all(*selects).subquery()
    newest = select(jobs.c.id, jobs.c.created_at)
    return newest.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)


def _select_filtered(
    owner_id: str, filters: JobFilters, cursor: JobCursor | None, *columns: Any
) -> Select[Any]:
    terms = filters.search_terms
    created: Any = Job.created_at
    job_id: Any = Job.id
    statement = select(*columns).where(
        Job.owner_id == owner_id, Job.deleted_at.is_(None)
    )
    if terms:  # the index of search terms is used, in its order
        created, job_id = JobSearchTerm.created_at, JobSearchTerm.job_id
        statement = statement.join(JobSearchTerm, JobSearchTerm.job_id == Job.id).where(
            JobSearchTerm.owner_id == owner_id, JobSearchTerm.term == terms[0]
        )
    for term in terms[1:]:
        has_term = exists().where(
            JobSearchTerm.job_id == Job.id, JobSearchTerm.term == term
        )
        statement = statement.where(has_term.correlate(Job))
    statement = statement.where(*_column_filters(filters))
    if cursor is not None:
        statement = statement.where(tuple_(created, job_id) < cursor)
    if filters.created_after is not None:
        statement = statement.where(created > filters.created_after)
    if filters.created_before is not None:
        statement = statement.where(created < filters.created_before)
    return statement.order_by(created.desc(), job_id.desc())


def _column_filters(filters: JobFilters) -> list[ColumnElement[bool]]:
    values = {Job.kind: filters.kind, Job.parent_id: filters.parent_id}
    conditions = [
        column == value for column, value in values.items() if value is not None
    ]
    if len(filters.states) == 1:
        return [*conditions, Job.state == filters.states[0]]
    if 0 < len(filters.states) < len(JobState):
        return [*conditions, Job.state.in_(filters.states)]
    return conditions
