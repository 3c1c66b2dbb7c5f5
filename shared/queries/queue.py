"""Waiting jobs, live workers and the plan of the queue, cached for one second.

Each response about a queued job needs the same queue state. So each process reads it
once a second, through the read cache of `Database`.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from shared.db.models.assets import Asset
from shared.db.models.auth import Owner
from shared.db.models.jobs import Job, JobInput
from shared.jobs.segments import steered_iterations
from shared.params.kinds import JobKind
from shared.params.segments import with_last_iterations
from shared.queries.eta import (
    NOW,
    LiveWorker,
    OwnerQuota,
    ProgressReport,
    RemainingWork,
    RunSlot,
    WaitingJob,
    claim_order,
    durations_by_setup,
    estimate_time_left,
    plan_runs,
)
from shared.queries.jobs import select_live_workers
from shared.states import LEASED, JobState
from shared.workers.pace_table import DurationRange, load_pace_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.db.models.workers import Worker
    from shared.workers.pace_table import PaceTable

MAX_PLANNED = 300  # jobs; start times of later jobs are extrapolated
_JOB_ROW = (
    Job.id, Job.owner_id, Job.kind, Job.params, Job.ready_key, Job.need_bytes,
    Job.device_class, Job.excluded_device, Job.iterations, Job.checkpoint_iteration,
    Job.finish_requested, Asset.width, Asset.height,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueState:
    """Queue state: waiting jobs, live workers, and the estimated run of each job.

    Attributes:
        waiting: First waiting jobs of each owner.
        workers: Live workers.
        quotas: Quotas of the owners that have jobs, by owner id.
        jobs_ahead: Number of jobs in `waiting` that are claimed earlier, by job id.
        run_slots: Estimated run of each job, by job id, if possible.
        pace_table: Measured paces.
        read_at: Time of reading by the database's clock; run slots count from then.
        truncated_owners: Ids of owners with more waiting jobs than were read.
    """

    waiting: tuple[WaitingJob, ...]
    workers: tuple[LiveWorker, ...]
    quotas: Mapping[str, OwnerQuota]
    jobs_ahead: Mapping[str, int]
    run_slots: Mapping[str, RunSlot]
    pace_table: PaceTable
    read_at: float
    truncated_owners: frozenset[str]

    def capable_workers(self, job: WaitingJob) -> tuple[LiveWorker, ...]:
        """Return the live workers whose device could hold a job."""
        return tuple(worker for worker in self.workers if worker.can_hold(job))

    @property
    def setups(self) -> list[str]:
        """Kinds of the live workers."""
        return sorted({worker.setup for worker in self.workers})

    def extrapolate_slot(self, ahead: int, job_id: str) -> RunSlot | None:
        """Extrapolate the run of a job after all planned jobs.

        Args:
            ahead: Number of jobs ahead of it.
            job_id: Id of the job; a planned job gets no extrapolated slot.
        """
        if job_id in self.jobs_ahead or len(self.run_slots) < MAX_PLANNED // 2:
            return None
        last = max(self.run_slots.values(), key=lambda slot: slot.starts.seconds)
        factor = ahead / len(self.run_slots)
        starts = DurationRange(*(part * factor for part in astuple(last.starts)))
        duration = (last.ends.seconds - last.starts.seconds,) * 3
        ends = starts + DurationRange(*duration)
        return RunSlot(starts, ends)

    def covers(self, job: WaitingJob) -> bool:
        """Return whether all jobs ahead of a job were read."""
        if job.owner_id not in self.truncated_owners:
            return True
        return any(
            other.owner_id == job.owner_id and other.ready_key > job.ready_key
            for other in self.waiting
        )

    def place_job(self, job: WaitingJob) -> tuple[int, RunSlot | None]:
        """Return the place of a new job in the queue, and its estimated run."""
        others = [other for other in self.waiting if other.job_id != job.job_id]
        queue = [*others, job]
        place = claim_order(queue, self.quotas)[job.job_id]
        return place, plan_runs(queue, self.workers, self.quotas).get(job.job_id)


def read_queue_state(db: Database) -> QueueState:
    """Return the queue state, at most one second old."""
    return db.read_cache.get("queue_state", lambda: _read(db))


def place_in_queue(
    db: Database, queue_state: QueueState, job: WaitingJob
) -> tuple[int, RunSlot | None]:
    """Return the place of a new job in the queue, and its estimated run."""
    if queue_state.covers(job):
        return queue_state.place_job(job)
    ready = (Job.state == JobState.QUEUED, Job.ready_key < job.ready_key)
    with db.read() as session:
        ahead = session.scalar(select(func.count()).select_from(Job).where(*ready)) or 0
    return ahead, queue_state.extrapolate_slot(ahead, job.job_id)


def _read(db: Database) -> QueueState:
    pace_table = load_pace_table(db)
    with db.read() as session:
        workers = session.scalars(select_live_workers(db)).all()
        owners = session.scalars(
            select(Owner)
            .where((Owner.queued > 0) | (Owner.running > 0))
            .limit(MAX_PLANNED)
        ).all()
        per_owner = MAX_PLANNED // max(1, sum(owner.queued > 0 for owner in owners))
        rows = _read_first_jobs(session, owners, per_owner)
        leased = {row.worker_id: row for row in session.execute(_select_leased())}
        ids = [row.id for row in (*rows, *leased.values())]
        last_iterations = steered_iterations(session, ids)
        now = float(session.scalars(select(db.now)).one())
    setups = sorted({worker.setup for worker in workers})
    waiting = tuple(
        _waiting_job(row, pace_table, setups, _remaining_work(row, last_iterations))
        for row in rows
    )
    live_workers = tuple(
        _live_worker(worker, leased.get(worker.id), last_iterations, pace_table)
        for worker in workers
    )
    quotas = {
        owner.id: OwnerQuota(owner.running, owner.max_running) for owner in owners
    }
    return QueueState(
        waiting=waiting,
        workers=live_workers,
        quotas=quotas,
        jobs_ahead=claim_order(waiting, quotas),
        run_slots=plan_runs(waiting, live_workers, quotas),
        pace_table=pace_table,
        read_at=now,
        truncated_owners=frozenset(
            owner.id for owner in owners if owner.queued > per_owner
        ),
    )


def _read_first_jobs(
    session: Session, owners: Sequence[Owner], per_owner: int
) -> list[Row[Any]]:
    """Read the first waiting jobs of each owner, in total at most `MAX_PLANNED`."""
    rows: list[Row[Any]] = []
    for owner in owners:
        if owner.queued:
            ready = (Job.owner_id == owner.id, Job.ready_key.is_not(None))
            statement = _select_jobs().where(*ready, Job.state == JobState.QUEUED)
            statement = statement.order_by(Job.ready_key, Job.id).limit(per_owner)
            rows += session.execute(statement)
    return rows


def _select_jobs() -> Any:
    """Select jobs with the size of their photo."""
    photo = (JobInput.job_id == Job.id) & (JobInput.role == "content")
    joined = select(*_JOB_ROW).outerjoin(JobInput, photo)
    return joined.outerjoin(Asset, Asset.id == JobInput.asset_id)


def _select_leased() -> Any:
    return (
        _select_jobs()
        .add_columns(Job.worker_id, Job.state, Job.progress)
        .where(Job.state.in_(LEASED))
    )


def _remaining_work(row: Row[Any], last_iterations: Mapping[str, int]) -> RemainingWork:
    """Return the work of a job after its checkpoint, by the current plan.

    Args:
        row: Row of the job.
        last_iterations: Iterations of the last scale by job id, if steered.
    """
    kind, params = JobKind(row.kind), row.params
    if kind == JobKind.STYLE and params.get("schedule"):
        planned = with_last_iterations(params["schedule"], last_iterations.get(row.id))
        params = {**params, "schedule": planned}
    done = row.iterations if _finishes(row) else row.checkpoint_iteration
    return RemainingWork(kind, params, (row.width or 1, row.height or 1), done)


def _finishes(row: Row[Any]) -> bool:
    """Return whether no more iterations will run; explorations cannot end early."""
    return bool(row.kind == JobKind.STYLE and row.finish_requested)


def _waiting_job(
    row: Row[Any], pace_table: PaceTable, setups: Sequence[str], work: RemainingWork
) -> WaitingJob:
    return WaitingJob(
        job_id=row.id,
        owner_id=row.owner_id,
        ready_key=row.ready_key,
        need_bytes=row.need_bytes,
        device_class=row.device_class,
        excluded_device=row.excluded_device,
        durations=durations_by_setup(pace_table, setups, work),
    )


def _live_worker(
    worker: Worker,
    job: Row[Any] | None,
    last_iterations: Mapping[str, int],
    pace_table: PaceTable,
) -> LiveWorker:
    idle = LiveWorker(
        id=worker.id,
        device_class=worker.device_class,
        device_bytes=worker.device_bytes,
        device_uuid=worker.device_uuid,
        setup=worker.setup,
        draining=worker.draining,
    )
    if job is None:
        return idle
    work = _remaining_work(job, last_iterations)
    free_in = _time_until_free(job, work, pace_table, worker.setup)
    return replace(idle, free_in=free_in, owner_id=job.owner_id)


def _time_until_free(
    job: Row[Any], work: RemainingWork, pace_table: PaceTable, setup: str
) -> DurationRange | None:
    """Estimate the seconds until a worker is free; None if unknown."""
    if job.state != JobState.RUNNING:
        return NOW  # the worker releases the job soon
    stages = work.stages
    if _finishes(job):
        stages = [(side, 0) for side, _ in stages]
    report = ProgressReport.model_validate(job.progress or {})
    time_left = estimate_time_left(stages, min(report.scale, len(stages) - 1), report)
    return time_left or durations_by_setup(pace_table, [setup], work).get(setup)
