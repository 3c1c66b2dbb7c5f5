"""Jobs that have done, or do, the same work for the same owner.

How a job begins: its owner, its pictures, its row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import and_, case, func, or_, select

from shared.db.models.assets import Asset
from shared.db.models.jobs import Job, JobInput
from shared.db.models.owners import Owner
from shared.errors import AssetGone, QueueFull, QuotaExceeded
from shared.idempotency import bind
from shared.ids import new_id
from shared.jobs.search_index import index_words
from shared.jobs.segments import segment_rows
from shared.jobs.transitions import log_submission, ready_key
from shared.params.kinds import kind_of
from shared.params.segments import steered
from shared.params.style import StyleParams
from shared.states import TERMINAL, Completion, JobState
from shared.tracing import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.idempotency import IdempotentRequest
    from shared.params.kinds import Params
    from shared.params.segments import Segment

Reuse = Literal["never", "finished", "finished_or_active"]

# They may never come to a picture.
_HALTING = (JobState.CANCELING, JobState.PAUSING, JobState.PAUSED)


def equal_job(
    session: Session, owner_id: str, params_digest: str | None, reuse: Reuse
) -> str | None:
    """Find the newest job whose result is the one that is wanted, or else will be.

    Not one that was finished early or steered in mid-run: it is another picture.

    Args:
        session: Of the caller.
        owner_id: Whose.
        params_digest: Of the work; None: nobody can say what is equal to it.
        reuse: Whether one that is not over yet will do.
    """
    if params_digest is None:
        return None
    done = and_(
        Job.state == JobState.SUCCEEDED,
        Job.completion == Completion.FULL,
        Job.result_key.is_not(None),
        Job.requested_max_edge.is_(None),  # it was made smaller than it was asked for
    )
    active = and_(
        Job.state.not_in({*TERMINAL, *_HALTING}),
        Job.finish_requested.is_(False),
    )
    return session.scalar(
        select(Job.id)
        .where(
            Job.owner_id == owner_id,
            Job.params_digest == params_digest,
            Job.deleted_at.is_(None),
            done if reuse == "finished" else or_(done, active),
        )
        .order_by(case((done, 0), else_=1), Job.created_at.desc())
        .limit(1)
    )


def find_equal(db: Database, owner_id: str, params_digest: str) -> str | None:
    """Find the job that a submission with `reuse: finished_or_active` would take."""
    with db.read() as session:
        return equal_job(session, owner_id, params_digest, "finished_or_active")


LOCAL_OWNER = "own_local"  # of everything, where no keys are asked for


@dataclass(frozen=True, slots=True)
class Input:
    """A picture that a job will use.

    Attributes:
        role: `content`, `style`, `init_image`, `mask`, `region`, or the `picture` of
            an exploration.
        position: Which of them; of a mask or a region, that of its style.
        asset_id: The picture.
    """

    role: str
    position: int
    asset_id: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """All that a row needs to start with."""

    owner_id: str
    params: Params
    inputs: tuple[Input, ...]
    name: str | None = None
    device_class: str | None = None
    need_bytes: int = 0
    priority: int = 0
    max_attempts: int | None = None  # None: as the limits say
    keep_every: int | None = None  # iterations between checkpoints kept for forks
    start_deadline: float | None = None  # expires if not started by then
    cancel_after: float | None = None  # canceled if not done by then
    segments: tuple[Segment, ...] = ()  # planned changes, in order
    tags: tuple[str, ...] = ()
    user_metadata: dict[str, str] = field(default_factory=dict)
    params_digest: str | None = None  # the same for equal work
    reuse: Reuse = "never"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may wait, and how often one is tried."""

    max_queued_per_owner: int
    max_queued: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that does the work; `reused`, if it was there before."""

    job_id: str
    reused: bool = False


def submit_job(
    db: Database, new: NewJob, limits: Limits, once: IdempotentRequest | None = None
) -> str:
    """Insert a queued job and return its id; the caller rings the doorbell.

    As `submit_or_reuse` does.
    """
    return submit_or_reuse(db, new, limits, once).job_id


def submit_or_reuse(
    db: Database, new: NewJob, limits: Limits, once: IdempotentRequest | None = None
) -> Submitted:
    """Insert a queued job, unless an equal one is there that may be taken for it.

    The caller rings the doorbell for one that is new.

    Args:
        db: The database.
        new: The job.
        limits: How many jobs may wait.
        once: The request that asks for it, where it may be sent again.

    Raises:
        QueueFull: The owner, or all owners together, have too many jobs waiting.
        IdempotencyInProgress: Another request makes this job.
    """
    columns = {
        "owner_id": new.owner_id,
        "name": new.name,
        "tags": list(new.tags),
        "user_metadata": new.user_metadata,
        "params_digest": new.params_digest,
        "kind": kind_of(new.params),
        "params": new.params.model_dump(mode="json"),
        "iterations": _iterations(new),
        "max_attempts": new.max_attempts or limits.max_attempts,
        "device_class": new.device_class,
        "need_bytes": new.need_bytes,
        "priority": new.priority,
        "keep_every": new.keep_every,
        "start_deadline": new.start_deadline,
        "cancel_after": new.cancel_after,
    }
    with db.write() as session:
        if new.reuse != "never":
            _lock_owner(session, new.owner_id)  # of two at once, one makes the job
            known = equal_job(session, new.owner_id, new.params_digest, new.reuse)
            if known is not None:
                return Submitted(known, reused=True)
        job = add_job(db, session, columns, new.inputs, limits, once)
        session.add_all(segment_rows(job.id, new.segments))
    return Submitted(job.id)


def add_job(
    db: Database,
    session: Session,
    columns: dict[str, Any],
    inputs: Sequence[Input],
    limits: Limits,
    once: IdempotentRequest | None,
) -> Job:
    """Insert a queued job into a transaction that may do more.

    Raises:
        AssetGone: A picture was deleted meanwhile.
        QueueFull: The owner, or all owners together, have too many jobs waiting.
        IdempotencyInProgress: Another request makes this job.
    """
    now = session.scalar(select(db.now)) or 0.0
    _check_room(session, columns["owner_id"], limits)
    trace = CURRENT.get()
    job = Job(
        id=new_id("job"),
        traceparent=trace and trace.parent,
        state=JobState.QUEUED,
        fence=0,
        created_at=now,
        run_after=now,
        ready_key=ready_key(now, columns["priority"]),
        **columns,
    )
    session.add(job)
    session.flush()
    session.add_all(_input_rows(job.id, inputs))
    _require_pictures(session, inputs)
    index_words(session, job)
    log_submission(db, session, job)
    if once is not None:
        bind(session, once, job.id)
    return job


def inputs_of(session: Session, job_id: str) -> list[Input]:
    """Read which pictures a job uses, and what for."""
    rows = session.scalars(select(JobInput).where(JobInput.job_id == job_id))
    return [Input(row.role, row.position, row.asset_id) for row in rows]


def _iterations(new: NewJob) -> int:
    if isinstance(new.params, StyleParams):
        return steered(new.params, new.segments).iterations
    return new.params.iterations


def _require_pictures(session: Session, inputs: Sequence[Input]) -> None:
    """Check that nobody has deleted one, and keep others from it until the commit.

    Raises:
        AssetGone: Somebody has.
    """
    wanted = {one.asset_id for one in inputs}
    there = session.scalars(
        select(Asset.id)
        .where(Asset.id.in_(wanted), Asset.key.is_not(None))
        .order_by(Asset.id)
        .with_for_update()
    ).all()
    if gone := sorted(wanted - set(there)):
        raise AssetGone(f"deleted: {', '.join(gone)}")


def _input_rows(job_id: str, inputs: Iterable[Input]) -> list[JobInput]:
    return [
        JobInput(
            job_id=job_id, role=one.role, position=one.position, asset_id=one.asset_id
        )
        for one in inputs
    ]


def _lock_owner(session: Session, owner_id: str) -> None:
    session.execute(select(Owner.id).where(Owner.id == owner_id).with_for_update())


def _check_room(session: Session, owner_id: str, limits: Limits) -> None:
    owner = session.scalar(select(Owner).where(Owner.id == owner_id).with_for_update())
    mine, most = 0, limits.max_queued_per_owner
    if owner is not None:
        mine = owner.queued
        most = most if owner.max_queued is None else owner.max_queued
    if mine >= most:
        raise QuotaExceeded(f"{mine} of your jobs are queued, at most {most}")
    everyone = session.scalar(select(func.sum(Owner.queued))) or 0
    if everyone >= limits.max_queued:
        raise QueueFull(f"{everyone} jobs are queued, at most {limits.max_queued}")
