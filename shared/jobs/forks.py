"""New jobs that go on from others: forks, extensions, retries.

What is over never changes. A child has its parent's pictures, parameters and segments,
and a row of its own that names the parent's checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import Checkpoint, Job
from shared.errors import NoSuchCheckpoint
from shared.jobs.actions import answer_to, ask_to_finish
from shared.jobs.segments import segment_rows, segments_of
from shared.jobs.steering import planned
from shared.jobs.submit import add_job, inputs_of
from shared.jobs.transitions import lock_job
from shared.params.kinds import JobKind
from shared.params.segments import Changes, Segment, steered
from shared.params.style import StyleParams
from shared.states import Relation, Verb

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.idempotency import IdempotentRequest
    from shared.jobs.submit import Limits

# What a child has from its parent; deadlines were for the parent alone.
INHERITED = ("owner_id", "kind", "name", "tags", "user_metadata", "params", "iterations",
             "device_class", "need_bytes", "priority", "max_attempts",
             "keep_every")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a fork begins, and what is different from there on.

    Attributes:
        iteration: Of the checkpoint it goes on from.
        changes: From there on.
        name: None: that of its parent.
        finishes: It only makes a picture of that checkpoint.
    """

    iteration: int
    changes: Changes = field(default_factory=Changes)
    name: str | None = None
    finishes: bool = False


def fork(
    db: Database,
    owner_id: str,
    job_id: str,
    wanted: Fork,
    limits: Limits,
    once: IdempotentRequest | None = None,
) -> str:
    """Make a job that goes on from a checkpoint of another, in its own way.

    Returns:
        The new job's id; the caller rings the doorbell.

    Raises:
        JobNotFound: The owner has no such job.
        NoSuchCheckpoint: It has no checkpoint of this iteration.
        InvalidParams: The parameters would not go together.
        QueueFull: Too many jobs are waiting.
    """
    with db.write() as session:
        parent = lock_job(session, job_id, owner_id)
        stored = _checkpoints(session, parent.id)
        at = [row for row in stored if row.iteration == wanted.iteration]
        if not at:
            places = sorted({row.iteration for row in stored})
            raise NoSuchCheckpoint(parent.id, f"at {wanted.iteration}", places)
        answer_to(session, parent, Verb.FORK)
        known = segments_of(session, [parent.id]).get(parent.id, ())
        begun = tuple(one for one in known if one.from_iteration <= wanted.iteration)
        segments = _with(begun, wanted.iteration, wanted.changes)
        child = _Child(
            Relation.FORK, at[0], segments, wanted.name, finishes=wanted.finishes
        )
        return _make(db, session, parent, child, limits, once)


def extend(
    db: Database,
    owner_id: str,
    job_id: str,
    iterations: int,
    limits: Limits,
    once: IdempotentRequest | None = None,
) -> str:
    """Make a job that adds iterations to the last scale of one that succeeded.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It has not succeeded, or its checkpoint is gone.
        InvalidParams: That would be too many iterations.
        QueueFull: Too many jobs are waiting.
    """
    with db.write() as session:
        parent = lock_job(session, job_id, owner_id)
        # Locked before we look what it has: the janitor may be about to drop them.
        stored = _checkpoints(session, parent.id)
        answer_to(session, parent, Verb.EXTEND)
        last = stored[0]
        known = segments_of(session, [parent.id]).get(parent.id, ())
        *_, (_, so_far) = steered(_params(parent), known).stages
        more = Changes.model_construct(iterations=so_far + iterations)
        begins = _extension_begins(parent, last.iteration, known)
        child = _Child(Relation.EXTEND, last, _with(known, begins, more))
        return _make(db, session, parent, child, limits, once)


def retry(
    db: Database,
    owner_id: str,
    job_id: str,
    limits: Limits,
    once: IdempotentRequest | None = None,
    *,
    from_start: bool = False,
) -> str:
    """Make a job that tries again what failed, was canceled or expired.

    It goes on from the last checkpoint, if there is one.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: It is not over, or it succeeded.
        QueueFull: Too many jobs are waiting.
    """
    with db.write() as session:
        parent = lock_job(session, job_id, owner_id)
        answer_to(session, parent, Verb.RETRY)
        stored = [] if from_start else _checkpoints(session, parent.id)
        known = segments_of(session, [parent.id]).get(parent.id, ())
        child = _Child(Relation.RETRY, next(iter(stored), None), known)
        return _make(db, session, parent, child, limits, once)


def _extension_begins(
    parent: Job, last_iteration: int, known: tuple[Segment, ...]
) -> int:
    """From which iteration on the last scale is longer: after all that it outdoes.

    A change of the end alone disturbs nothing, so that the picture equals that of a
    longer run; but for a parent whose very last step was taken back.
    """
    outdone = [
        one.from_iteration
        for one in known
        if one.changes.iterations and one.from_iteration < parent.iterations
    ]
    return max([last_iteration, *outdone])


@dataclass(frozen=True, slots=True)
class _Child:
    relation: Relation
    checkpoint: Checkpoint | None
    segments: tuple[Segment, ...]
    name: str | None = None
    finishes: bool = False


def _make(
    db: Database,
    session: Session,
    parent: Job,
    child: _Child,
    limits: Limits,
    once: IdempotentRequest | None,
) -> str:
    stored = child.checkpoint
    iteration = 0 if stored is None else stored.iteration
    columns = {name: getattr(parent, name) for name in INHERITED}
    columns |= {
        "parent_id": parent.id,
        "parent_iteration": iteration,
        "relation": child.relation,
        "iteration": iteration,
        "checkpoint_iteration": iteration,
    }
    if child.name is not None:
        columns["name"] = child.name
    if parent.kind == JobKind.STYLE:
        columns["iterations"] = planned(_params(parent), child.segments)
    inputs = inputs_of(session, parent.id)
    job = add_job(db, session, columns, inputs, limits, once)
    session.add_all(segment_rows(job.id, child.segments))
    if stored is not None:
        session.add(_same_blob(stored, job))
    if child.finishes:
        ask_to_finish(db, session, job)
    return job.id


def _same_blob(stored: Checkpoint, job: Job) -> Checkpoint:
    return Checkpoint(
        job_id=job.id,
        fence=job.fence,
        iteration=stored.iteration,
        key=stored.key,
        digest=stored.digest,
        bytes=stored.bytes,
        format_version=stored.format_version,
        kept=False,
        created_at=job.created_at,
    )


def _with(
    begun: tuple[Segment, ...], iteration: int, changes: Changes
) -> tuple[Segment, ...]:
    if not changes.stored():
        return begun
    return (*begun, Segment.model_construct(from_iteration=iteration, changes=changes))


def _params(job: Job) -> StyleParams:
    return StyleParams.model_validate(job.params)


def _checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Newest first, locked: nobody may drop a blob while a child takes it over."""
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.iteration.desc(), Checkpoint.fence.desc())
        .with_for_update()
    )
    return list(rows)
