"""Search index of jobs: the words of their names, and their tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import delete

from shared.db.models.jobs import JobSearchTerm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from shared.db.models.jobs import Job

_MAX_LENGTH = 80  # characters of a term


def tag_term(tag: str) -> str:
    """Return the search term of a tag; `#` separates tags from words of names."""
    return f"#{tag}"[:_MAX_LENGTH]


def search_terms(text: str) -> list[str]:
    """Return the distinct words of a text, case-folded."""
    words = re.findall(r"\w+", text.casefold())
    return list(dict.fromkeys(word[:_MAX_LENGTH] for word in words))


def index_job(session: Session, job: Job) -> None:
    """Replace the search terms of a job by those of its current name and tags."""
    session.execute(delete(JobSearchTerm).where(JobSearchTerm.job_id == job.id))
    session.add_all(
        _term_rows(job, [*search_terms(job.name or ""), *map(tag_term, job.tags)])
    )


def _term_rows(job: Job, terms: Iterable[str]) -> list[JobSearchTerm]:
    return [
        JobSearchTerm(
            job_id=job.id, term=term, owner_id=job.owner_id, created_at=job.created_at
        )
        for term in dict.fromkeys(terms)
    ]
