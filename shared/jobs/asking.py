"""What people may ask of a job: the verbs of `shared.states`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import InvalidState
from shared.jobs.moves import lock_job, move
from shared.states import VERBS, Answer, Verb, allowed_verbs

if TYPE_CHECKING:
    from shared.db import Database


def cancel(db: Database, owner_id: str, job_id: str) -> Answer:
    """Ask a job to stop for good; asking again changes nothing.

    Returns:
        The state it is in now, and whether a worker still has to obey.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It has already ended otherwise.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        answer = VERBS[Verb.CANCEL].get(job.state)
        if answer is None:
            raise InvalidState(job_id, Verb.CANCEL, job.state, allowed_verbs(job.state))
        if answer.state != job.state:
            move(db, session, job, Verb.CANCEL, answer.state)
    return answer
