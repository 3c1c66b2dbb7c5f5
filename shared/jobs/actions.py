"""What people may ask of a job: the verbs of `shared.states` that make no new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select

from shared.db.models.jobs import Checkpoint
from shared.errors import InvalidState
from shared.jobs.transitions import in_line, lock_job, transition
from shared.params.kinds import JobKind
from shared.states import (
    VERBS,
    Answer,
    Completion,
    Effect,
    JobState,
    Need,
    Verb,
    allowed_verbs,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.db.models.jobs import Job

# What only a job that optimizes a picture can do.
OF_PICTURES = frozenset({Verb.FINISH, Verb.STEER, Verb.FORK, Verb.EXTEND})


def cancel(db: Database, owner_id: str, job_id: str) -> Answer:
    """Ask a job to stop for good; asking again changes nothing.

    Returns:
        The state it is in now, and whether a worker still has to obey.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It has already ended otherwise.
    """
    return _ask(db, owner_id, job_id, Verb.CANCEL)


def pause(db: Database, owner_id: str, job_id: str) -> Answer:
    """Ask a job to let go of its device, and to keep all that it has done.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It is over, or about to be.
    """
    return _ask(db, owner_id, job_id, Verb.PAUSE)


def resume(db: Database, owner_id: str, job_id: str) -> Answer:
    """Let a paused job go on, from its old place in line.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It is over, or about to be.
    """
    return _ask(db, owner_id, job_id, Verb.RESUME)


def finish(db: Database, owner_id: str, job_id: str) -> Answer:
    """Ask a job to stop now and to keep the picture as it is.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It is over, or has no picture yet.
    """
    with db.write() as session:
        return ask_to_finish(db, session, lock_job(session, job_id, owner_id))


def ask_to_finish(db: Database, session: Session, job: Job) -> Answer:
    """Do as `finish` does, in a transaction that may do more.

    Raises:
        InvalidState: It is over, or has no picture yet.
    """
    answer = answer_to(session, job, Verb.FINISH)
    if answer.effect is Effect.NOTHING or job.finish_requested:
        return answer
    due = in_line(db, job) if answer.state == JobState.QUEUED else {}
    columns = {**due, "finish_requested": True}
    transition(db, session, job, Verb.FINISH, answer.state, **columns)
    return answer


def answer_to(session: Session, job: Job, verb: Verb) -> Answer:
    """Look up what a verb leads to for a job as it is.

    Raises:
        InvalidState: It leads nowhere.
    """
    answer = VERBS[verb].get(job.state)
    has = possessions(job, has_checkpoint=_has_checkpoint(session, job.id))
    if answer is not None and _can(job, verb) and answer.needs in {None, *has}:
        return answer
    raise InvalidState(
        job.id, verb, job.state, allowed_actions(job, has), _why(job, answer)
    )


def possessions(job: Job, *, has_checkpoint: bool) -> frozenset[Need]:
    """What a job has that verbs may need."""
    early = job.completion == Completion.EARLY
    found = {Need.CHECKPOINT: has_checkpoint, Need.EARLY: early}
    return frozenset(need for need, there in found.items() if there)


def allowed_actions(job: Job, has: frozenset[Need]) -> list[str]:
    """The verbs that would change something now."""
    asked = {Verb.FINISH} if job.finish_requested else set()
    verbs = [Verb(verb) for verb in allowed_verbs(job.state, has)]
    return [verb for verb in verbs if verb not in asked and _can(job, verb)]


def _ask(db: Database, owner_id: str, job_id: str, verb: Verb) -> Answer:
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        answer = answer_to(session, job, verb)
        if answer.effect is Effect.MOVE:
            transition(
                db, session, job, verb, answer.state, **_taken_back(answer.state)
            )
    return answer


def _taken_back(state: JobState) -> dict[str, Any]:
    """What waited for its picture and is paused is not to be finished any more."""
    return {"finish_requested": False} if state == JobState.PAUSED else {}


def _can(job: Job, verb: Verb) -> bool:
    if job.purge_requested_at is not None:
        return verb is Verb.CANCEL  # for all else it is as good as gone
    return job.kind == JobKind.STYLE or verb not in OF_PICTURES


def _why(job: Job, answer: Answer | None) -> str:
    if job.purge_requested_at is not None:
        return "it is being deleted"
    if answer is None or answer.needs is None or answer.needs == Need.EARLY:
        return ""
    return f"it has no {answer.needs.removeprefix('a ')}"


def _has_checkpoint(session: Session, job_id: str) -> bool:
    return bool(session.scalar(select(exists().where(Checkpoint.job_id == job_id))))
