"""Tables of jobs, their inputs, outputs, events, checkpoints, frames and searches.

Rows have no behavior; `shared.jobs` changes them. Times are seconds since 1970 UTC of
the database's clock, as double precision, which both databases index, compare and add
in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import (
    AutoIncrement,
    Base,
    enum_column,
    id_column,
    index_of_undeleted_jobs,
    job_id_column,
    partial_index,
)
from shared.names import MAX_NAME
from shared.states import Completion, JobState, Relation, StateReason

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

DEMAND_OFFSET = 10**18  # gives all needs the same number of digits, to sort as text
_DEMAND = (
    "CASE WHEN ready_key IS NOT NULL THEN coalesce(device_class, '') || ' ' || "
    f"CAST({DEMAND_OFFSET} + need_bytes AS TEXT) || ' ' || "
    "coalesce(excluded_device, '') END"
)


class JobSearchTerm(Base):
    """Search term of a job: a word of its name, or one of its tags as `#tag`.

    Owner and time are repeated here, so that a page of a search needs one index.
    """

    __tablename__ = "job_search_terms"
    __table_args__ = (
        Index("ix_job_search_terms_lookup", "owner_id", "term", "created_at", "job_id"),
    )

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    term: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[float]


class JobLossHistory(Base):
    """Losses of a job by iteration, with a limited number of points.

    Each point is [iteration, scale, total, content, style, tv]; a loss that was not
    finite is None.
    """

    __tablename__ = "job_loss_histories"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    points: Mapped[list[Any]]


class Job(Base):
    """Job; only the worker with the claim of the current `fence` may write to it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "(state IN ('running', 'pausing', 'canceling')) = "
            "(lease_until IS NOT NULL)",
            name="held_has_lease",
        ),
        # The claim reads one owner's ready jobs in order, without any others.
        partial_index("ix_jobs_ready", "ready_key", "owner_id", "ready_key", "id"),
        # If those do not fit its device, it reads the oldest job of each demand.
        partial_index(
            "ix_jobs_demand", "demand", "owner_id", "demand", "ready_key", "id"
        ),
        Index("ix_jobs_waiting", "state", "ready_key"),
        partial_index("ix_jobs_lease", "lease_until", "lease_until"),
        partial_index("ix_jobs_worker", "worker_id", "worker_id"),
        # Only queries of lists name deleted_at, so claims never use these indexes.
        index_of_undeleted_jobs("ix_jobs_listing", "owner_id", "created_at", "id"),
        index_of_undeleted_jobs(
            "ix_jobs_of_state", "owner_id", "state", "created_at", "id"
        ),
        index_of_undeleted_jobs(
            "ix_jobs_of_kind", "owner_id", "kind", "created_at", "id"
        ),
        partial_index(
            "ix_jobs_of_parent", "parent_id", "parent_id", "created_at", "id"
        ),
        partial_index("ix_jobs_alike", "params_digest", "owner_id", "params_digest"),
        # Few jobs have deadlines; the others are not in these indexes.
        partial_index(
            "ix_jobs_start_deadline", "start_deadline", "state", "start_deadline"
        ),
        partial_index("ix_jobs_cancel_after", "cancel_after", "state", "cancel_after"),
        partial_index("ix_jobs_paused", "paused_at", "state", "paused_at"),
        partial_index("ix_jobs_purge", "purge_requested_at", "purge_requested_at"),
        Index("ix_jobs_finished", "finished_at"),
    )

    id: Mapped[str] = id_column()
    kind: Mapped[str] = mapped_column(String(16), default="style")
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    name: Mapped[str | None] = mapped_column(String(MAX_NAME))
    tags: Mapped[list[Any]] = mapped_column(default=list)
    # `metadata` in JSON.
    user_metadata: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[JobState] = mapped_column(
        enum_column(JobState), default=JobState.QUEUED
    )
    state_reason: Mapped[StateReason | None] = mapped_column(enum_column(StateReason))
    revision: Mapped[int] = mapped_column(default=1)  # of state or parameters
    # Number of visible changes, without queue place and progress below a percent. Each
    # UPDATE adds 1, unless it sets the version itself.
    version: Mapped[int] = mapped_column(
        BigInteger, default=1, onupdate=literal_column("version + 1", BigInteger)
    )
    params: Mapped[dict[str, Any]]
    iterations: Mapped[int]  # over all scales
    params_digest: Mapped[str | None] = mapped_column(String(64))  # of equal work
    traceparent: Mapped[str | None] = mapped_column(String(55))  # of the submission

    fence: Mapped[int] = mapped_column(BigInteger, default=0)  # never decreases
    attempts: Mapped[int] = mapped_column(default=0)  # refundable, for the limit
    max_attempts: Mapped[int] = mapped_column(default=4)
    crashes_in_a_row: Mapped[int] = mapped_column(default=0)  # without a checkpoint
    worker_id: Mapped[str | None] = mapped_column(String(40))
    claim_nonce: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[float | None]
    term_seconds: Mapped[float | None]  # length of the lease or of the wait

    device_class: Mapped[str | None] = mapped_column(String(16))  # None: any
    need_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    priority: Mapped[int] = mapped_column(default=0)
    ready_key: Mapped[float | None]  # None while the job waits for run_after
    run_after: Mapped[float]
    notified_at: Mapped[float | None]  # time of the last notification

    iteration: Mapped[int] = mapped_column(default=0)
    checkpoint_iteration: Mapped[int] = mapped_column(default=0)
    # checkpoint_iteration at the last claim.
    iteration_at_claim: Mapped[int] = mapped_column(default=0)
    keep_every: Mapped[int | None]  # iterations between checkpoints kept for forks
    start_deadline: Mapped[float | None]  # the job expires if not started by then
    cancel_after: Mapped[float | None]  # the job is canceled if not done by then
    excluded_device: Mapped[str | None] = mapped_column(String(64))  # it failed there
    # Jobs of the same demand fit the same devices; None unless the job is ready.
    demand: Mapped[str | None] = mapped_column(Text, Computed(_DEMAND, persisted=True))
    finish_requested: Mapped[bool] = mapped_column(default=False)
    step_scale: Mapped[float | None]  # factor of every step since the loss diverged
    requested_max_edge: Mapped[int | None]  # px, if the job is computed smaller
    progress: Mapped[dict[str, Any] | None]  # shared.queries.eta.ProgressReport
    warnings: Mapped[list[Any]] = mapped_column(default=list)

    parent_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    parent_iteration: Mapped[int | None]
    relation: Mapped[Relation | None] = mapped_column(enum_column(Relation))

    created_at: Mapped[float]
    started_at: Mapped[float | None]  # of the first attempt
    claimed_at: Mapped[float | None]  # of the latest attempt
    paused_at: Mapped[float | None]  # None unless the job is paused
    finished_at: Mapped[float | None]
    deleted_at: Mapped[float | None]  # deleted by its owner; only this row remains
    purge_requested_at: Mapped[float | None]  # the job is deleted once it is canceled

    completion: Mapped[Completion | None] = mapped_column(enum_column(Completion))
    result_key: Mapped[str | None] = mapped_column(String(255))
    result_digest: Mapped[str | None] = mapped_column(String(64))
    result_bytes: Mapped[int | None] = mapped_column(BigInteger)
    result_width: Mapped[int | None]
    result_height: Mapped[int | None]
    exact: Mapped[bool | None]  # same bits as without interruptions
    exact_reason: Mapped[str | None] = mapped_column(String(200))  # why not
    provenance: Mapped[dict[str, Any] | None]  # digests and versions behind the result
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(String(2000))
    error_hint: Mapped[str | None] = mapped_column(String(500))
    error_retryable: Mapped[bool | None]


class JobInput(Base):
    """Input picture of a job, and its role."""

    __tablename__ = "job_inputs"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, default=0)
    asset_id: Mapped[str] = mapped_column(ForeignKey("assets.id"), index=True)


class JobOutput(Base):
    """Output file of a job with several files."""

    __tablename__ = "outputs"
    __table_args__ = (UniqueConstraint("job_id", "name"),)

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the bytes, hex
    bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(64))
    width: Mapped[int | None]  # None: not a picture
    height: Mapped[int | None]


class JobEvent(Base):
    """Event of one job, written in the transaction of the change."""

    __tablename__ = "job_events"

    seq: Mapped[int] = mapped_column(
        AutoIncrement, primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = job_id_column()
    event: Mapped[str] = mapped_column(String(24))
    from_state: Mapped[JobState | None] = mapped_column(enum_column(JobState))
    state: Mapped[JobState] = mapped_column(enum_column(JobState))
    fence: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[float]
    detail: Mapped[dict[str, Any] | None]


class JobSegment(Base):
    """Change of parameters from an iteration on (None: not yet applied)."""

    __tablename__ = "segments"

    id: Mapped[int] = mapped_column(AutoIncrement, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = job_id_column()
    from_iteration: Mapped[int | None]
    changes: Mapped[dict[str, Any]]
    live: Mapped[bool] = mapped_column(
        default=False
    )  # requested during the run, not planned


class Checkpoint(Base):
    """Stored snapshot that the job can continue from."""

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    fence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), index=True)  # shared with children
    digest: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    format_version: Mapped[int]
    kept: Mapped[bool] = mapped_column(default=False)  # kept for forks
    created_at: Mapped[float]


class Frame(Base):
    """Preview of one iteration, and its thumbnail."""

    __tablename__ = "frames"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    iteration: Mapped[int] = mapped_column(primary_key=True)
    scale: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    losses: Mapped[dict[str, Any]]
    key: Mapped[str] = mapped_column(String(255))
    thumb_key: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[float]


def bump_versions(session: Session, *conditions: ColumnElement[bool]) -> None:
    """Increase the versions of jobs after changes of related rows.

    An UPDATE of the job row itself also increases the version.
    The rows are locked in the order of their ids, so that two calls never deadlock.
    """
    locked = select(Job.id).where(*conditions).order_by(Job.id).with_for_update()
    job_ids = session.scalars(locked).all()
    if not job_ids:
        return
    session.execute(
        update(Job)
        .where(Job.id.in_(job_ids))
        .values(version=Job.version + 1)
        .execution_options(synchronize_session=False)
    )
