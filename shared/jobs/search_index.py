"""Finding jobs by words: those of their names, and their tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import delete

from shared.db.models.jobs import JobSearchTerm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from shared.db.models.jobs import Job

_LONGEST = 80  # characters that are compared


def tag_word(tag: str) -> str:
    """A tag as it is stored among the words; no word of a name begins like it."""
    return f"#{tag}"[:_LONGEST]


def words_in(text: str) -> list[str]:
    """The words of a text, each once, without regard to upper and lower case."""
    found = re.findall(r"\w+", text.casefold())
    return list(dict.fromkeys(word[:_LONGEST] for word in found))


def index_words(session: Session, job: Job) -> None:
    """Write the words that a job is found by, in place of those it was."""
    session.execute(delete(JobSearchTerm).where(JobSearchTerm.job_id == job.id))
    session.add_all(_rows(job, [*words_in(job.name or ""), *map(tag_word, job.tags)]))


def _rows(job: Job, words: Iterable[str]) -> list[JobSearchTerm]:
    return [
        JobSearchTerm(
            job_id=job.id, term=word, owner_id=job.owner_id, created_at=job.created_at
        )
        for word in dict.fromkeys(words)
    ]
