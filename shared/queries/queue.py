"""The line of waiting jobs, read for all who ask within a second.

Each answer about a queued job needs it, and it is the same for all of them: so it is
read once, and kept for a second by the database's own notes.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from shared.db.models.assets import Asset
from shared.db.models.jobs import Job, JobInput
from shared.db.models.owners import Owner
from shared.forecast.durations import Work, spans_on
from shared.forecast.pace_model import Span
from shared.forecast.pace_store import timetable
from shared.forecast.queue_simulation import (
    NOW,
    Server,
    Share,
    Slot,
    Waiting,
    ranks,
    simulate,
)
from shared.forecast.time_left import Told, time_left
from shared.jobs.segments import steered_iterations
from shared.params.kinds import JobKind
from shared.params.segments import replanned
from shared.queries.jobs import alive
from shared.states import HELD, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.db.models.workers import Worker
    from shared.forecast.pace_store import Timetable

PLAYED = 300  # jobs that are played ahead; those behind them are reckoned from them
_JOB_ROW = (
    Job.id, Job.owner_id, Job.kind, Job.params, Job.ready_key, Job.need_bytes,
    Job.device_class, Job.excluded_device, Job.iterations, Job.checkpoint_iteration,
    Job.finish_requested, Asset.width, Asset.height,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueState:
    """Who waits, who works, and how it will go on.

    Attributes:
        waiting: The first jobs in line.
        servers: Live workers.
        shares: Owners that have jobs.
        rank: How many of `waiting` stand before each, by job id.
        slots: When each runs, by job id, as far as that can be told.
        times: What is known of paces.
        read_at: When it was read, by the database's clock; slots count from then.
        cut: Owners that have more waiting jobs than were read.
    """

    waiting: tuple[Waiting, ...]
    servers: tuple[Server, ...]
    shares: Mapping[str, Share]
    rank: Mapping[str, int]
    slots: Mapping[str, Slot]
    times: Timetable
    read_at: float
    cut: frozenset[str]

    def able(self, job: Waiting) -> tuple[Server, ...]:
        """The live workers whose device could hold a job."""
        return tuple(server for server in self.servers if server.can_hold(job))

    @property
    def setups(self) -> list[str]:
        """Kinds of live workers."""
        return sorted({server.setup for server in self.servers})

    def behind(self, ahead: int, job_id: str) -> Slot | None:
        """When a job runs that stands behind all that were played.

        Args:
            ahead: How many jobs stand before it.
            job_id: Its id; of one that was played, nothing more can be told.
        """
        if job_id in self.rank or len(self.slots) < PLAYED // 2:
            return None
        last = max(self.slots.values(), key=lambda slot: slot.starts.seconds)
        factor = ahead / len(self.slots)
        starts = Span(*(part * factor for part in astuple(last.starts)))
        lasts = last.ends.seconds - last.starts.seconds
        ends = Span(*(part + lasts for part in astuple(starts)))
        return Slot(starts, ends, last.setup, is_surmise=True)

    def reaches(self, job: Waiting) -> bool:
        """Whether all that stands before a job was read."""
        if job.owner_id not in self.cut:
            return True
        return any(
            one.owner_id == job.owner_id and one.key > job.key for one in self.waiting
        )

    def with_job(self, job: Waiting) -> tuple[int, Slot | None]:
        """Where one more job would stand, and when it would run."""
        line = [one for one in self.waiting if one.job_id != job.job_id] + [job]
        place = ranks(line, self.shares)[job.job_id]
        return place, simulate(line, self.servers, self.shares).get(job.job_id)


def read_queue_state(db: Database, *, with_job: str | None = None) -> QueueState:
    """Read the line, or recall what was read within the last second.

    Args:
        db: The database.
        with_job: One that came meanwhile: if it is not in what is recalled, and
            reading costs little, it is read again.
    """
    found: QueueState = db.notes.recall("line", lambda: _read(db))
    if with_job is None or with_job in found.rank:
        return found
    return db.notes.recall("line", lambda: _read(db), at_once=True)


def place_in_queue(
    db: Database, known: QueueState, job: Waiting
) -> tuple[int, Slot | None]:
    """Where one more job would stand, and when it would run."""
    if known.reaches(job):
        return known.with_job(job)
    ready = (Job.state == JobState.QUEUED, Job.ready_key < job.key)
    with db.read() as session:
        ahead = session.scalar(select(func.count()).select_from(Job).where(*ready)) or 0
    return ahead, known.behind(ahead, job.job_id)


def _read(db: Database) -> QueueState:
    times = timetable(db)
    with db.read() as session:
        workers = session.scalars(alive(db)).all()
        owners = session.scalars(
            select(Owner).where((Owner.queued > 0) | (Owner.running > 0)).limit(PLAYED)
        ).all()
        each = PLAYED // max(1, sum(owner.queued > 0 for owner in owners))
        rows = _heads(session, owners, each)
        held = {row.worker_id: row for row in session.execute(_held())}
        ids = [row.id for row in (*rows, *held.values())]
        steered = steered_iterations(session, ids)
        now = float(session.scalars(select(db.now)).one())
    setups = sorted({worker.setup for worker in workers})
    waiting = tuple(
        _waiting(row, spans_on(times, setups, _work(row, steered))) for row in rows
    )
    servers = tuple(
        _server(worker, held.get(worker.id), steered, times) for worker in workers
    )
    shares = {one.id: Share(one.running, one.max_running) for one in owners}
    return QueueState(
        waiting=waiting,
        servers=servers,
        shares=shares,
        rank=ranks(waiting, shares),
        slots=simulate(waiting, servers, shares),
        times=times,
        read_at=now,
        cut=frozenset(owner.id for owner in owners if owner.queued > each),
    )


def _heads(session: Session, owners: Sequence[Owner], each: int) -> list[Row[Any]]:
    """The first jobs of each owner: together, no more than are played."""
    found: list[Row[Any]] = []
    for owner in owners:
        if owner.queued:
            mine = (Job.owner_id == owner.id, Job.ready_key.is_not(None))
            waits = _with_photo().where(*mine, Job.state == JobState.QUEUED)
            found += session.execute(waits.order_by(Job.ready_key, Job.id).limit(each))
    return found


def _with_photo() -> Any:
    photo = (JobInput.job_id == Job.id) & (JobInput.role == "content")
    joined = select(*_JOB_ROW).outerjoin(JobInput, photo)
    return joined.outerjoin(Asset, Asset.id == JobInput.asset_id)


def _held() -> Any:
    return (
        _with_photo()
        .add_columns(Job.worker_id, Job.state, Job.progress)
        .where(Job.state.in_(HELD))
    )


def _work(row: Row[Any], steered: Mapping[str, int]) -> Work:
    """What there is to do for a job from its checkpoint on, as it is planned by now."""
    kind, params = JobKind(row.kind), row.params
    if kind == JobKind.STYLE and params.get("schedule"):
        planned = replanned(params["schedule"], steered.get(row.id))
        params = {**params, "schedule": planned}
    done = row.iterations if _finishes(row) else row.checkpoint_iteration
    return Work(kind, params, (row.width or 1, row.height or 1), done)


def _finishes(row: Row[Any]) -> bool:
    """Whether no iteration will be made any more; an exploration has no early end."""
    return bool(row.kind == JobKind.STYLE and row.finish_requested)


def _waiting(row: Row[Any], spans: Mapping[str, Span]) -> Waiting:
    return Waiting(
        job_id=row.id,
        owner_id=row.owner_id,
        key=row.ready_key,
        need_bytes=row.need_bytes,
        device_class=row.device_class,
        excluded_device=row.excluded_device,
        spans=spans,
    )


def _server(
    worker: Worker,
    held: Row[Any] | None,
    steered: Mapping[str, int],
    times: Timetable,
) -> Server:
    server = Server(
        id=worker.id,
        device_class=worker.device_class,
        device_bytes=worker.device_bytes,
        device_uuid=worker.device_uuid,
        setup=worker.setup,
        draining=worker.draining,
    )
    if held is None:
        return server
    busy = _busy(held, _work(held, steered), times, worker.setup)
    return replace(server, busy=busy, owner_id=held.owner_id)


def _busy(held: Row[Any], work: Work, times: Timetable, setup: str) -> Span | None:
    """Until a worker has done with its job; None: nobody knows."""
    if held.state != JobState.RUNNING:
        return NOW  # it lets go of it
    stages = work.stages
    if _finishes(held):
        stages = [(side, 0) for side, _ in stages]
    told = Told.model_validate(held.progress or {})
    left = time_left(stages, min(told.scale, len(stages) - 1), told)
    return left or spans_on(times, [setup], work).get(setup)
