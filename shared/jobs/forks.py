"""Child jobs that continue other jobs: forks, extensions, retries.

After its end, a job does not change, except for its labels. A child has its parent's
pictures, parameters and segments. Its own checkpoint row names the blob of its parent's
checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import Checkpoint, Job
from shared.errors import NoSuchCheckpoint
from shared.jobs.actions import request_finish, resolve_action
from shared.jobs.segments import read_job_segments, segment_rows
from shared.jobs.steering import count_iterations
from shared.jobs.submit import add_job, read_job_inputs
from shared.jobs.transitions import lock_job
from shared.params.kinds import JobKind
from shared.params.segments import Changes, Segment, apply_segments
from shared.params.style import StyleParams
from shared.states import Action, Relation

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.idempotency import IdempotentRequest
    from shared.jobs.submit import SubmissionLimits

# Columns that a child copies from its parent; deadlines apply only to the parent.
INHERITED_COLUMNS = (
    "owner_id",
    "kind",
    "name",
    "tags",
    "user_metadata",
    "params",
    "iterations",
    "device_class",
    "need_bytes",
    "priority",
    "max_attempts",
    "keep_every",
)


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """Request for a fork: its checkpoint, and the changes from there on.

    Attributes:
        iteration: Iteration of the checkpoint from which the fork continues.
        changes: Changes of parameters from there on.
        name: Name of the fork, or None for the name of its parent.
        finish: True if the fork only renders a picture from that checkpoint.
    """

    iteration: int
    changes: Changes = field(default_factory=Changes)
    name: str | None = None
    finish: bool = False


def fork(
    db: Database,
    owner_id: str,
    job_id: str,
    request: ForkRequest,
    limits: SubmissionLimits,
    idempotent_request: IdempotentRequest | None = None,
) -> str:
    """Submit a job that continues a checkpoint of another job with changed parameters.

    Returns:
        Id of the new job; the caller notifies the workers.

    Raises:
        JobNotFound: The owner has no such job.
        NoSuchCheckpoint: The job has no checkpoint of this iteration.
        InvalidParams: The changed parameters contradict each other.
        QueueFull: Too many jobs are waiting.
    """
    with db.write() as session:
        parent = lock_job(session, job_id, owner_id)
        checkpoints = _lock_checkpoints(session, parent.id)
        matching = [row for row in checkpoints if row.iteration == request.iteration]
        if not matching:
            iterations = sorted({row.iteration for row in checkpoints})
            raise NoSuchCheckpoint(parent.id, f"at {request.iteration}", iterations)
        resolve_action(session, parent, Action.FORK)
        begun = tuple(
            segment
            for segment in _read_segments(session, parent)
            if segment.from_iteration <= request.iteration
        )
        child = _ChildSpec(
            Relation.FORK,
            matching[0],
            _append_segment(begun, request.iteration, request.changes),
            request.name,
            finish=request.finish,
        )
        return _insert_child(db, session, parent, child, limits, idempotent_request)


def extend(
    db: Database,
    owner_id: str,
    job_id: str,
    iterations: int,
    limits: SubmissionLimits,
    idempotent_request: IdempotentRequest | None = None,
) -> str:
    """Submit a job that adds iterations to the last scale of a succeeded job.

    Returns:
        Id of the new job; the caller notifies the workers.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job has not succeeded, or its checkpoint was deleted.
        InvalidParams: The sum would be too many iterations.
        QueueFull: Too many jobs are waiting.
    """
    with db.write() as session:
        parent = lock_job(session, job_id, owner_id)
        # Locked before the requirements are checked, since the cleaner may drop the
        # checkpoints meanwhile.
        checkpoints = _lock_checkpoints(session, parent.id)
        resolve_action(session, parent, Action.EXTEND)
        newest = checkpoints[0]
        segments = _read_segments(session, parent)
        *_, (_, done) = apply_segments(_style_params(parent), segments).stages
        changes = Changes.model_construct(iterations=done + iterations)
        start = _extension_start(parent, newest.iteration, segments)
        child = _ChildSpec(
            Relation.EXTEND, newest, _append_segment(segments, start, changes)
        )
        return _insert_child(db, session, parent, child, limits, idempotent_request)


def retry(
    db: Database,
    owner_id: str,
    job_id: str,
    limits: SubmissionLimits,
    idempotent_request: IdempotentRequest | None = None,
    *,
    from_start: bool = False,
) -> str:
    """Submit a job that retries a failed, canceled or expired job.

    The new job continues from the newest checkpoint, unless there is none or
    `from_start` is true.

    Returns:
        Id of the new job; the caller notifies the workers.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job has not ended, or it succeeded.
        QueueFull: Too many jobs are waiting.
    """
    with db.write() as session:
        parent = lock_job(session, job_id, owner_id)
        resolve_action(session, parent, Action.RETRY)
        checkpoints = [] if from_start else _lock_checkpoints(session, parent.id)
        segments = _read_segments(session, parent)
        child = _ChildSpec(Relation.RETRY, next(iter(checkpoints), None), segments)
        return _insert_child(db, session, parent, child, limits, idempotent_request)


def _extension_start(
    parent: Job, last_iteration: int, segments: tuple[Segment, ...]
) -> int:
    """Return the iteration at which an extension begins: after all overridden changes.

    A change of only the number of iterations affects no earlier step, so the picture
    equals that of a longer run. The exception is a parent whose last step was undone.
    """
    overridden = [
        segment.from_iteration
        for segment in segments
        if segment.changes.iterations and segment.from_iteration < parent.iterations
    ]
    return max([last_iteration, *overridden])


@dataclass(frozen=True, slots=True)
class _ChildSpec:
    relation: Relation
    checkpoint: Checkpoint | None
    segments: tuple[Segment, ...]
    name: str | None = None
    finish: bool = False


def _insert_child(
    db: Database,
    session: Session,
    parent: Job,
    child: _ChildSpec,
    limits: SubmissionLimits,
    idempotent_request: IdempotentRequest | None,
) -> str:
    checkpoint = child.checkpoint
    iteration = 0 if checkpoint is None else checkpoint.iteration
    columns = {name: getattr(parent, name) for name in INHERITED_COLUMNS}
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
        columns["iterations"] = count_iterations(_style_params(parent), child.segments)
    inputs = read_job_inputs(session, parent.id)
    job = add_job(db, session, columns, inputs, limits, idempotent_request)
    session.add_all(segment_rows(job.id, child.segments))
    if checkpoint is not None:
        session.add(_share_checkpoint(checkpoint, job))
    if child.finish:
        request_finish(db, session, job)
    return job.id


def _share_checkpoint(checkpoint: Checkpoint, job: Job) -> Checkpoint:
    return Checkpoint(
        job_id=job.id,
        fence=job.fence,
        iteration=checkpoint.iteration,
        key=checkpoint.key,
        digest=checkpoint.digest,
        bytes=checkpoint.bytes,
        format_version=checkpoint.format_version,
        kept=False,
        created_at=job.created_at,
    )


def _append_segment(
    segments: tuple[Segment, ...], iteration: int, changes: Changes
) -> tuple[Segment, ...]:
    if not changes.to_json():
        return segments
    return (
        *segments,
        Segment.model_construct(from_iteration=iteration, changes=changes),
    )


def _read_segments(session: Session, job: Job) -> tuple[Segment, ...]:
    return read_job_segments(session, [job.id]).get(job.id, ())


def _style_params(job: Job) -> StyleParams:
    return StyleParams.model_validate(job.params)


def _lock_checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Read and lock checkpoints, newest first, so that none is dropped meanwhile."""
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.iteration.desc(), Checkpoint.fence.desc())
        .with_for_update()
    )
    return list(rows)
