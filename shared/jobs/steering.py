"""Parameters of a job that change after its submission: asked for, then begun.

A change of a job that no worker holds is recorded with the iteration it begins at. One
of a running job is pending until its worker, at the next boundary, says which that is:
before it takes effect, so that a killed worker replays it at the same iteration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import func, select, update

from shared.db.models.jobs import Job, JobSegment
from shared.errors import FieldError, InvalidParams, VersionMismatch
from shared.jobs.actions import answer_to
from shared.jobs.lease import held_by, lock_held
from shared.jobs.search_index import index_words
from shared.jobs.segments import segments_of
from shared.jobs.transitions import lock_job, log_event, ready_key, transition
from shared.params.segments import Changes, Segment, steered
from shared.params.style import StyleParams
from shared.states import HELD, Answer, Verb

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.jobs.claim import Claim

BEGUN = "steered"  # in the log
_NAMES = {"name", "tags"}  # what a job is found by


@dataclass(frozen=True, slots=True)
class Change:
    """What shall be different about a job.

    Attributes:
        params: Of the optimization.
        about: Columns that no worker reads: name, tags, user_metadata, priority, cancel_after.
        revision: The one that whoever asks has seen; None: any.
    """

    params: Changes = field(default_factory=Changes)
    about: dict[str, Any] = field(default_factory=dict)
    revision: int | None = None


def update_job(db: Database, owner_id: str, job_id: str, wanted: Change) -> Answer:
    """Change a job that is not over.

    Returns:
        Its state, and whether all of it holds now; else it does from the next
        iteration on.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It is over, or about to be.
        VersionMismatch: It is no longer as it was seen.
        InvalidParams: The parameters would not go together.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        answer = answer_to(session, job, Verb.STEER)
        if wanted.revision not in {None, job.revision}:
            raise VersionMismatch(
                f"job {job_id} is at revision {job.revision}, not {wanted.revision}"
            )
        params, about = wanted.params.stored(), _differing(job, wanted.about)
        if not params and not about:
            return Answer(job.state, done=True, effect=answer.effect)
        columns = _about(job, about)
        if params:
            columns["iterations"] = _planned(session, job, wanted.params)
            columns["params_digest"] = None  # no other job does the same work now
            _ask(session, job, params)
        transition(db, session, job, Verb.STEER, job.state,
             detail={**params, **about}, **columns)  # fmt: skip
        if _NAMES & about.keys():
            session.refresh(job)
            index_words(session, job)
    return Answer(job.state, done=answer.done or not params, effect=answer.effect)


def begin_segments(db: Database, claim: Claim, iteration: int) -> tuple[Segment, ...]:
    """Let pending changes begin after `iteration`, before they take effect.

    Calling again after an answer was lost is harmless.

    Returns:
        All segments whose beginning is known, in order: what the rest of the run is
        made of. After a resume, changes that were begun further on are replayed first.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_held(session, claim)
        beginning = max(iteration, _last_live(session, job.id))
        begun = _begin(session, job.id, beginning)
        if begun:
            log_event(db, session, job, BEGUN, {"from_iteration": beginning})
            session.execute(
                update(Job).where(*held_by(claim)).values(iteration=iteration)
            )
        return segments_of(session, [job.id]).get(job.id, ())


def pending_of(session: Session, job_id: str) -> list[Changes]:
    """Read the changes that have not begun, in the order they were asked for."""
    rows = session.scalars(
        select(JobSegment.changes)
        .where(JobSegment.job_id == job_id, JobSegment.from_iteration.is_(None))
        .order_by(JobSegment.id)
    )
    return [Changes.model_validate(row) for row in rows]


def _ask(session: Session, job: Job, params: dict[str, Any]) -> None:
    session.add(JobSegment(job_id=job.id, changes=params, live=True))
    session.flush()
    if job.state not in HELD:
        beginning = max(job.checkpoint_iteration, _last_live(session, job.id))
        _begin(session, job.id, beginning)


def _begin(session: Session, job_id: str, iteration: int) -> bool:
    row = JobSegment
    begun = session.execute(
        update(row)
        .where(row.job_id == job_id, row.from_iteration.is_(None))
        .values(from_iteration=iteration)
        .returning(row.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(begun)


def _last_live(session: Session, job_id: str) -> int:
    """Where the latest change in mid-run began: no later one may come before it."""
    row = JobSegment
    latest = select(func.max(row.from_iteration)).where(
        row.job_id == job_id, row.live.is_(True)
    )
    return session.scalar(latest) or 0


def _planned(session: Session, job: Job, wanted: Changes) -> int:
    """How many iterations the job has with all that was asked, which must be valid."""
    known = segments_of(session, [job.id]).get(job.id, ())
    later = [*pending_of(session, job.id), wanted]
    last = max((one.from_iteration for one in known), default=0)
    asked = [Segment(from_iteration=last, changes=one) for one in later]
    return planned(StyleParams.model_validate(job.params), (*known, *asked))


def planned(params: StyleParams, segments: tuple[Segment, ...]) -> int:
    """Count the iterations of a run that is made of these segments.

    Raises:
        InvalidParams: They do not go together.
    """
    try:
        return steered(params, segments).iterations
    except ValidationError as error:
        raise InvalidParams(
            [
                FieldError(
                    "".join(f"/{step}" for step in one["loc"]).replace(
                        "/schedule", "/iterations"
                    ),
                    one["type"].replace("_", "-"),
                    one["msg"].removeprefix("Value error, "),
                )
                for one in error.errors(include_url=False)
            ]
        ) from error
    except ValueError as error:
        raise InvalidParams([FieldError("/styles", "length", str(error))]) from error


def _differing(job: Job, about: dict[str, Any]) -> dict[str, Any]:
    """What is not so already: nobody hears of the rest."""
    return {name: value for name, value in about.items() if getattr(job, name) != value}


def _about(job: Job, about: dict[str, Any]) -> dict[str, Any]:
    """The columns to write; a waiting job's place in line follows its priority."""
    columns = dict(about)
    if "priority" in about and job.ready_key is not None:
        columns["ready_key"] = ready_key(job.created_at, about["priority"])
    return columns
