"""Submission of jobs: insertion of a queued job, or reuse of an equal job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import and_, case, func, or_, select

from shared.db.base import new_id
from shared.db.models.assets import Asset
from shared.db.models.auth import Owner
from shared.db.models.jobs import Job, JobInput
from shared.errors import AssetGone, QueueFull, QuotaExceeded
from shared.idempotency import bind_job
from shared.jobs.search_index import index_job
from shared.jobs.segments import segment_rows
from shared.jobs.transitions import log_submission, ready_key
from shared.params.kinds import kind_of
from shared.params.segments import apply_segments
from shared.params.style import StyleParams
from shared.states import TERMINAL, Completion, JobState
from shared.tracing import CURRENT_TRACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.idempotency import IdempotentRequest
    from shared.params.kinds import Params
    from shared.params.segments import Segment

ReusePolicy = Literal["never", "finished", "finished_or_active"]

LOCAL_OWNER_ID = "own_local"  # owner of all rows if no API keys are required

# Jobs in these states may end without a picture.
_STOPPING_STATES = (JobState.CANCELING, JobState.PAUSING, JobState.PAUSED)


def select_reusable_job(
    session: Session, owner_id: str, params_digest: str | None, reuse: ReusePolicy
) -> str | None:
    """Find the newest job that has the same result, or will have it.

    A job that was finished early or steered during the run has another result.

    Args:
        session: Transaction of the caller.
        owner_id: Owner of the jobs.
        params_digest: Digest of the work, or None if no job can be equal.
        reuse: Option `reuse`: whether a job that has not ended may be reused.
    """
    if params_digest is None:
        return None
    done = and_(
        Job.state == JobState.SUCCEEDED,
        Job.completion == Completion.FULL,
        Job.result_key.is_not(None),
        Job.requested_max_edge.is_(None),  # not computed smaller than requested
    )
    active = and_(
        Job.state.not_in({*TERMINAL, *_STOPPING_STATES}),
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


def find_reusable_job(db: Database, owner_id: str, params_digest: str) -> str | None:
    """Find the job that a submission with `reuse: finished_or_active` would reuse."""
    with db.read() as session:
        return select_reusable_job(
            session, owner_id, params_digest, "finished_or_active"
        )


def find_place(
    db: Database,
    owner_id: str,
    params_digest: str,
    reuse: ReusePolicy,
    limits: SubmissionLimits,
) -> SubmittedJob | None:
    """Find an equal job to reuse, or check that the queue accepts a new one.

    Called before the pictures of a job are stored, so that a refused job stores none.

    Raises:
        QueueFull: The owner, or all owners together, have too many jobs waiting.
    """
    with db.read() as session:
        if reuse != "never":
            job_id = select_reusable_job(session, owner_id, params_digest, reuse)
            if job_id is not None:
                return SubmittedJob(job_id, reused=True)
        _check_quotas(session, session.get(Owner, owner_id), limits)
    return None


@dataclass(frozen=True, slots=True)
class NewJobInput:
    """Input picture of a new job.

    Attributes:
        role: Role: `content`, `style`, `init_image`, `content_labels`, `mask`,
            `region`, `labels`, or the `picture` of an exploration.
        position: Index among the pictures of this role; for a mask, a region or labels,
            the index of the style.
        asset_id: Id of the asset.
    """

    role: str
    position: int
    asset_id: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """Job to be submitted.

    Attributes:
        owner_id: Owner of the job.
        params: Parameters, with the ids of their pictures.
        inputs: Pictures of the job.
        device_class: Required kind of device, or None for any.
        need_bytes: Required memory, in bytes.
        segments: Planned changes of parameters, in order.
        params_digest: Digest of the work, equal for equal jobs, or None.
        reuse: Option `reuse`: whether an equal job may be returned instead.
        options: Further columns, such as its name and priority.
    """

    owner_id: str
    params: Params
    inputs: tuple[NewJobInput, ...]
    device_class: str | None = None
    need_bytes: int = 0
    segments: tuple[Segment, ...] = ()
    params_digest: str | None = None
    reuse: ReusePolicy = "never"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubmissionLimits:
    """Limits of submissions: waiting jobs, and attempts per job."""

    max_queued_per_owner: int
    max_queued: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """Submitted job; `reused` if it existed before."""

    job_id: str
    reused: bool = False


def submit_job(
    db: Database,
    new_job: NewJob,
    limits: SubmissionLimits,
    idempotent_request: IdempotentRequest | None = None,
) -> SubmittedJob:
    """Insert a queued job, unless an equal one may be reused.

    The caller notifies the workers of a new job.

    Args:
        db: The database.
        new_job: Job to submit.
        limits: Limits of submissions.
        idempotent_request: Request that submits the job; None without an
            Idempotency-Key.

    Raises:
        QueueFull: The owner, or all owners together, have too many jobs waiting.
        IdempotencyInProgress: Another request with this key submits the job.
    """
    columns = {
        "owner_id": new_job.owner_id,
        "params_digest": new_job.params_digest,
        "kind": kind_of(new_job.params),
        "params": new_job.params.model_dump(mode="json"),
        "iterations": _count_iterations(new_job),
        "device_class": new_job.device_class,
        "need_bytes": new_job.need_bytes,
        **new_job.options,
        "max_attempts": new_job.options.get("max_attempts") or limits.max_attempts,
    }
    with db.write() as session:
        if new_job.reuse != "never":
            # Of two equal submissions at the same time, only one inserts the job.
            _lock_owner(session, new_job.owner_id)
            reusable_id = select_reusable_job(
                session, new_job.owner_id, new_job.params_digest, new_job.reuse
            )
            if reusable_id is not None:
                return SubmittedJob(reusable_id, reused=True)
        job = add_job(db, session, columns, new_job.inputs, limits, idempotent_request)
        session.add_all(segment_rows(job.id, new_job.segments))
    return SubmittedJob(job.id)


def add_job(
    db: Database,
    session: Session,
    columns: dict[str, Any],
    inputs: Sequence[NewJobInput],
    limits: SubmissionLimits,
    idempotent_request: IdempotentRequest | None,
) -> Job:
    """Insert a queued job in the caller's transaction.

    Raises:
        AssetGone: A picture was deleted meanwhile.
        QueueFull: The owner, or all owners together, have too many jobs waiting.
        IdempotencyInProgress: Another request with this key submits the job.
    """
    now = session.scalar(select(db.now)) or 0.0
    _check_quotas(session, _lock_owner(session, columns["owner_id"]), limits)
    trace = CURRENT_TRACE.get()
    job = Job(
        id=new_id("job"),
        traceparent=trace and trace.traceparent,
        state=JobState.QUEUED,
        fence=0,
        created_at=now,
        run_after=now,
        ready_key=ready_key(now, columns.get("priority", 0)),
        **columns,
    )
    session.add(job)
    session.flush()
    session.add_all(
        JobInput(job_id=job.id, **asdict(new_input)) for new_input in inputs
    )
    _lock_assets(session, inputs)
    index_job(session, job)
    log_submission(db, session, job)
    if idempotent_request is not None:
        bind_job(session, idempotent_request, job.id)
    return job


def read_job_inputs(session: Session, job_id: str) -> list[NewJobInput]:
    """Read the input pictures of a job."""
    rows = session.scalars(select(JobInput).where(JobInput.job_id == job_id))
    return [NewJobInput(row.role, row.position, row.asset_id) for row in rows]


def _count_iterations(new_job: NewJob) -> int:
    if isinstance(new_job.params, StyleParams):
        return apply_segments(new_job.params, new_job.segments).iterations
    return new_job.params.iterations


def _lock_assets(session: Session, inputs: Sequence[NewJobInput]) -> None:
    """Lock the assets of a job, so that none is deleted before the commit.

    Raises:
        AssetGone: An asset was deleted.
    """
    asset_ids = {job_input.asset_id for job_input in inputs}
    existing_ids = session.scalars(
        select(Asset.id)
        .where(Asset.id.in_(asset_ids), Asset.key.is_not(None))
        .order_by(Asset.id)
        .with_for_update()
    ).all()
    if deleted_ids := sorted(asset_ids - set(existing_ids)):
        raise AssetGone(f"deleted: {', '.join(deleted_ids)}")


def _lock_owner(session: Session, owner_id: str) -> Owner | None:
    return session.scalar(select(Owner).where(Owner.id == owner_id).with_for_update())


def _check_quotas(
    session: Session, owner: Owner | None, limits: SubmissionLimits
) -> None:
    queued, max_queued = 0, limits.max_queued_per_owner
    if owner is not None:
        queued = owner.queued
        max_queued = max_queued if owner.max_queued is None else owner.max_queued
    if queued >= max_queued:
        raise QuotaExceeded(f"{queued} of your jobs are queued, at most {max_queued}")
    total = session.scalar(select(func.sum(Owner.queued))) or 0
    if total >= limits.max_queued:
        raise QueueFull(f"{total} jobs are queued, at most {limits.max_queued}")
