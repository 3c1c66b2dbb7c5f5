"""Simulation of the claims ahead: in which order waiting jobs start, and when.

It does with numbers what `shared.jobs.claim` does with rows, and reads nothing.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.forecast.pace_model import DurationRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOW = DurationRange(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """Queued job.

    Attributes:
        ready_key: Sort key in the queue: smaller is sooner.
        due_seconds: Seconds from now until it may be claimed.
        durations: Estimated durations by the worker's setup, where known.
    """

    job_id: str
    owner_id: str
    ready_key: float
    need_bytes: int = 0
    device_class: str | None = None
    excluded_device: str | None = None
    due_seconds: float = 0.0
    durations: Mapping[str, DurationRange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """Live worker and its device.

    Attributes:
        free_in: Time until it is free; None: unknown.
        owner_id: Owner of the job that it runs; None: it runs none.
    """

    id: str
    device_class: str
    device_bytes: int
    device_uuid: str
    setup: str
    draining: bool = False
    free_in: DurationRange | None = NOW
    owner_id: str | None = None

    def can_claim(self, job: WaitingJob) -> bool:
        """Return whether it could claim the job, if the job is due and it is free."""
        return (
            self.can_hold(job)
            and not self.draining
            and job.excluded_device != self.device_uuid
        )

    def can_hold(self, job: WaitingJob) -> bool:
        """Return whether its device is large enough, and of the right class."""
        return job.need_bytes <= self.device_bytes and job.device_class in {
            None,
            self.device_class,
        }


@dataclass(frozen=True, slots=True)
class OwnerQuota:
    """Running jobs of an owner, and how many may run; None: any number."""

    running: int = 0
    max_running: int | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether no further job may start before one ends."""
        return self.max_running is not None and self.running >= self.max_running


@dataclass(frozen=True, slots=True)
class RunSlot:
    """Forecast of when a job runs, in seconds from now, and on what kind of worker.

    Attributes:
        is_extrapolated: Whether it was not simulated, but extrapolated from others.
    """

    starts: DurationRange
    ends: DurationRange
    setup: str
    is_extrapolated: bool = False


def claim_order(
    waiting: Iterable[WaitingJob], quotas: Mapping[str, OwnerQuota]
) -> dict[str, int]:
    """Return the place of each job in the order of claims, by job id: 0 is next.

    The owner with the fewest running jobs comes first, then the smallest ready key.
    """
    queues = _queues_by_owner(waiting)
    heads = [
        (quotas.get(owner_id, OwnerQuota()).running, queue[-1].ready_key, owner_id)
        for owner_id, queue in queues.items()
    ]
    heapq.heapify(heads)
    places: dict[str, int] = {}
    while heads:
        running, _, owner_id = heapq.heappop(heads)
        places[queues[owner_id].pop().job_id] = len(places)
        if queue := queues[owner_id]:
            heapq.heappush(heads, (running + 1, queue[-1].ready_key, owner_id))
    return places


def simulate_claims(
    waiting: Iterable[WaitingJob],
    workers: Sequence[LiveWorker],
    quotas: Mapping[str, OwnerQuota],
) -> dict[str, RunSlot]:
    """Simulate the claims of all waiting jobs.

    Args:
        waiting: Queued jobs.
        workers: Live workers.
        quotas: Quotas by owner id.

    Returns:
        Run slots by job id, without the jobs that no worker can take or whose duration
        is unknown.
    """
    return _ClaimSimulation(waiting, workers, quotas).run()


class _ClaimSimulation:
    def __init__(
        self,
        waiting: Iterable[WaitingJob],
        workers: Sequence[LiveWorker],
        quotas: Mapping[str, OwnerQuota],
    ) -> None:
        self._queues = _queues_by_owner(waiting)
        self._limits = {
            owner_id: quota.max_running for owner_id, quota in quotas.items()
        }
        self._running = {owner_id: quota.running for owner_id, quota in quotas.items()}
        self._slots: dict[str, RunSlot] = {}
        self._workers = [worker for worker in workers if worker.free_in is not None]
        self._free_workers = [
            (worker.free_in.seconds, index)
            for index, worker in enumerate(self._workers)
            if worker.free_in
        ]
        heapq.heapify(self._free_workers)
        self._free_at = [worker.free_in or NOW for worker in self._workers]
        self._owner_ids = [worker.owner_id for worker in self._workers]

    def run(self) -> dict[str, RunSlot]:
        while self._free_workers and any(self._queues.values()):
            now, index = heapq.heappop(self._free_workers)
            self._end_job(index)
            job = self._next_job(self._workers[index], now)
            if job is not None:
                self._start(index, job)
                continue
            later = self._next_change(now)
            if later is not None:
                self._free_at[index] = _not_before(self._free_at[index], later)
                heapq.heappush(self._free_workers, (later, index))
        return self._slots

    def _end_job(self, index: int) -> None:
        owner_id, self._owner_ids[index] = self._owner_ids[index], None
        if owner_id is not None:
            self._running[owner_id] = max(0, self._running.get(owner_id, 0) - 1)

    def _next_job(self, worker: LiveWorker, now: float) -> WaitingJob | None:
        """Return the job that `worker` would claim."""
        best: tuple[int, float, WaitingJob] | None = None
        for owner_id, queue in self._queues.items():
            running = self._running.get(owner_id, 0)
            limit = self._limits.get(owner_id)
            if limit is not None and running >= limit:
                continue
            job = next((j for j in reversed(queue) if _can_start(worker, j, now)), None)
            if job is not None and (
                best is None or (running, job.ready_key) < best[:2]
            ):
                best = running, job.ready_key, job
        return best[2] if best else None

    def _start(self, index: int, job: WaitingJob) -> None:
        worker, starts = self._workers[index], self._free_at[index]
        duration = job.durations[worker.setup]
        ends = DurationRange(
            starts.seconds + duration.seconds,
            starts.low + duration.low,
            starts.high + duration.high,
        )
        self._slots[job.job_id] = RunSlot(starts, ends, worker.setup)
        self._queues[job.owner_id].remove(job)
        self._running[job.owner_id] = self._running.get(job.owner_id, 0) + 1
        self._owner_ids[index], self._free_at[index] = job.owner_id, ends
        heapq.heappush(self._free_workers, (ends.seconds, index))

    def _next_change(self, now: float) -> float | None:
        """Return when an idle worker may find a job: one ends, or one becomes due."""
        ends = [seconds for seconds, _ in self._free_workers if seconds > now]
        due = (job.due_seconds for queue in self._queues.values() for job in queue)
        return min([*ends, *(at for at in due if at > now)], default=None)


def _can_start(worker: LiveWorker, job: WaitingJob, now: float) -> bool:
    return (
        job.due_seconds <= now
        and worker.can_claim(job)
        and worker.setup in job.durations
    )


def _not_before(duration: DurationRange, seconds: float) -> DurationRange:
    """Return the range with every value raised to at least `seconds`."""
    return DurationRange(
        max(duration.seconds, seconds),
        max(duration.low, seconds),
        max(duration.high, seconds),
    )


def _queues_by_owner(waiting: Iterable[WaitingJob]) -> dict[str, list[WaitingJob]]:
    """Return the jobs of each owner, the next one last."""
    queues: dict[str, list[WaitingJob]] = {}
    for job in sorted(
        waiting, key=lambda job: (job.ready_key, job.job_id), reverse=True
    ):
        queues.setdefault(job.owner_id, []).append(job)
    return queues
