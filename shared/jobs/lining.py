"""The line of waiting jobs, read for all who ask within a second.

Each answer about a queued job needs it, and it is the same for all of them: so it is
read once, and kept for a second by the database's own notes.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.jobs.reading import alive
from shared.jobs.timing import timetable
from shared.kinds import JobKind
from shared.models import Asset, Job, JobInput, Owner
from shared.pacing import Span, method_of, scale_sizes
from shared.queueing import Server, Share, Slot, Waiting, ranks, simulate
from shared.remaining import Told, time_left
from shared.states import HELD, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from shared.db import Database
    from shared.jobs.timing import Timetable
    from shared.models import Worker

PLAYED = 300  # jobs that are played ahead; those behind them are reckoned from them
_JOB_ROW = (
    Job.id, Job.owner_id, Job.kind, Job.params, Job.ready_key, Job.need_bytes,
    Job.device_class, Job.excluded_device, Asset.width, Asset.height,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """Who waits, who works, and how it will go on.

    Attributes:
        waiting: The first jobs in line.
        servers: Live workers.
        shares: Owners that have jobs.
        rank: How many of `waiting` stand before each, by job id.
        slots: When each runs, by job id, as far as that can be told.
        times: What is known of paces.
    """

    waiting: tuple[Waiting, ...]
    servers: tuple[Server, ...]
    shares: Mapping[str, Share]
    rank: Mapping[str, int]
    slots: Mapping[str, Slot]
    times: Timetable

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

    def with_job(self, job: Waiting) -> tuple[int, Slot | None]:
        """Where one more job would stand, and when it would run."""
        line = [one for one in self.waiting if one.job_id != job.job_id] + [job]
        place = ranks(line, self.shares)[job.job_id]
        return place, simulate(line, self.servers, self.shares).get(job.job_id)


def line(db: Database, *, with_job: str | None = None) -> Line:
    """Read the line, or recall what was read within the last second.

    Args:
        db: The database.
        with_job: One that came meanwhile: if it is not in what is recalled, and
            reading costs little, it is read again.
    """
    found: Line = db.notes.recall("line", lambda: _read(db))
    if with_job is None or with_job in found.rank:
        return found
    return db.notes.recall("line", lambda: _read(db), at_once=True)


def spans_on(
    times: Timetable,
    setups: Sequence[str],
    params: Mapping[str, Any],
    size: tuple[int, int],
) -> dict[str, Span]:
    """How long a style job takes on each kind of worker of which that is known.

    Args:
        times: What is known.
        setups: Kinds of workers.
        params: Of the job, as its row holds them.
        size: Width and height of its photo.
    """
    stages = [(side, count) for side, count in params["schedule"]]
    sizes = scale_sizes(stages, *size)
    counts = [count for _, count in stages]
    method, found = method_of(params), {}
    for setup in setups:
        costs = times.paces(setup, method).costs(list(zip(sizes, counts, strict=True)))
        if costs is not None:
            found[setup] = costs.total(counts)
    return found


def _read(db: Database) -> Line:
    times = timetable(db)
    with db.read() as session:
        workers = session.scalars(alive(db)).all()
        owners = session.scalars(
            select(Owner).where((Owner.queued > 0) | (Owner.running > 0)).limit(PLAYED)
        ).all()
        rows = _heads(session, owners)
        held = {row.worker_id: row for row in session.execute(_held())}
    setups = sorted({worker.setup for worker in workers})
    waiting = tuple(_waiting(row, times, setups) for row in rows)
    servers = tuple(_server(worker, held.get(worker.id), times) for worker in workers)
    shares = {one.id: Share(one.running, one.max_running) for one in owners}
    slots = simulate(waiting, servers, shares)
    return Line(waiting, servers, shares, ranks(waiting, shares), slots, times)


def _heads(session: Session, owners: Sequence[Owner]) -> list[Row[Any]]:
    """The first jobs of each owner: together, no more than are played."""
    with_jobs = [owner for owner in owners if owner.queued]
    each = max(1, PLAYED // max(1, len(with_jobs)))
    found: list[Row[Any]] = []
    for owner in with_jobs:
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


def _waiting(row: Row[Any], times: Timetable, setups: Sequence[str]) -> Waiting:
    return Waiting(
        job_id=row.id,
        owner_id=row.owner_id,
        key=row.ready_key,
        need_bytes=row.need_bytes,
        device_class=row.device_class,
        excluded_device=row.excluded_device,
        spans=_spans(row, times, setups),
    )


def _spans(row: Row[Any], times: Timetable, setups: Sequence[str]) -> dict[str, Span]:
    if row.kind != JobKind.STYLE or not row.params.get("schedule"):
        return {}
    return spans_on(times, setups, row.params, (row.width or 1, row.height or 1))


def _server(worker: Worker, held: Row[Any] | None, times: Timetable) -> Server:
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
    return replace(server, busy=_busy(held, times, worker), owner_id=held.owner_id)


def _busy(held: Row[Any], times: Timetable, worker: Worker) -> Span | None:
    """Until a worker has done with its job; None: nobody knows."""
    if held.state != JobState.RUNNING:
        return Span(0.0, 0.0, 0.0)  # it lets go of it
    if held.kind != JobKind.STYLE:
        return None
    stages = [(side, count) for side, count in held.params["schedule"]]
    told = Told.model_validate(held.progress or {})
    left = time_left(stages, min(told.scale, len(stages) - 1), told)
    return left or _spans(held, times, [worker.setup]).get(worker.setup)
