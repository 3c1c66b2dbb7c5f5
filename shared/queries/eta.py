"""Estimates of the start and end of jobs: remaining work times measured pace.

Each waiting job, in the order of claims, is assigned to the fitting worker that is free
first. So the wait of a job is the work ahead of it, shared by the live workers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from shared.params.kinds import JobKind
from shared.workers.pace_table import (
    FIRST_DEVIATION,
    DurationRange,
    duration,
    method_of,
    scale_megapixels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.workers.pace_table import PaceTable

    Stages = Sequence[tuple[int, int]]  # (long side in px, iterations) per scale

NOW = DurationRange(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """Remaining work of a job.

    Attributes:
        kind: Kind of the job.
        params: Parameters as stored in its row, with the current schedule.
        size: Width and height of its photo, or of a picture of its shape.
        done_iterations: Number of iterations, or pictures, that are done.
    """

    kind: JobKind
    params: Mapping[str, Any]
    size: tuple[int, int] = (1, 1)
    done_iterations: int = 0

    @property
    def stages(self) -> Stages:
        """(long side in px, iterations) per scale; an exploration has one scale."""
        if self.kind == JobKind.EXPLORE:
            return ((self.params["max_edge"], len(self.params["pictures"])),)
        return self.params.get("schedule") or ()


def durations_by_setup(
    pace_table: PaceTable, setups: Sequence[str], work: RemainingWork
) -> dict[str, DurationRange]:
    """Estimate the duration on each kind of worker whose pace is known.

    Args:
        pace_table: Measured paces.
        setups: Kinds of workers.
        work: Remaining work.
    """
    if not work.stages:
        return {}
    method = method_of(work.kind, work.params)
    sizes = scale_megapixels(work.stages, *work.size)
    counts = remaining_counts(work.stages, work.done_iterations)
    durations = {}
    for setup in setups:
        times = [pace_table.iteration_time(setup, method, size) for size in sizes]
        measured = [time for time in times if time is not None]
        if len(measured) == len(times):
            durations[setup] = duration(measured, counts)
    return durations


def remaining_counts(stages: Stages, done_iterations: int) -> list[int]:
    """Return the iterations that are left at each scale."""
    remaining = []
    for _, count in stages:
        done = min(done_iterations, count)
        remaining.append(count - done)
        done_iterations -= done
    return remaining


class ProgressReport(BaseModel):
    """Progress of an attempt: the document in `jobs.progress`, written by heartbeats.

    Attributes:
        iteration_seconds: Seconds of an iteration per scale, expected by the worker;
            empty if nothing was measured.
        deviation: Mean deviation of these times, relative.
    """

    model_config = ConfigDict(frozen=True)

    phase: str = "loading"
    scale: int = 0
    width: int | None = None
    height: int | None = None
    scale_iteration: int = 0
    iteration: int = 0
    losses: dict[str, float | None] = {}
    seconds_per_mpx_iteration: float | None = None
    iteration_seconds: tuple[float, ...] = ()
    deviation: float = FIRST_DEVIATION
    elapsed_seconds: float | None = None
    updated_at: float | None = None

    @property
    def pixels(self) -> int | None:
        """Pixels of the current scale, if known."""
        if self.width is None or self.height is None:
            return None
        return self.width * self.height


def completed_share(stages: Stages, scale_index: int, report: ProgressReport) -> float:
    """Return the completed share of all pixels x iterations, 0 to 1.

    Args:
        stages: (long side in px, iterations) per scale.
        scale_index: Index of the current scale.
        report: Last progress report of the worker.
    """
    total = sum(side**2 * count for side, count in stages)
    before = sum(side**2 * count for side, count in stages[:scale_index])
    current = stages[scale_index][0] ** 2 * report.scale_iteration
    return min(1.0, (before + current) / total)


def estimate_time_left(
    stages: Stages, scale_index: int, report: ProgressReport
) -> DurationRange | None:
    """Estimate the remaining seconds, with their range; None if unknown yet.

    Args:
        stages: (long side in px, iterations) per scale, by the current plan.
        scale_index: Index of the current scale.
        report: Last progress report of the worker.
    """
    if len(report.iteration_seconds) != len(stages):
        return None
    left = [0] * scale_index + [count for _, count in stages[scale_index:]]
    left[scale_index] = max(0, left[scale_index] - report.scale_iteration)
    seconds = sum(
        time * count for time, count in zip(report.iteration_seconds, left, strict=True)
    )
    return DurationRange.from_deviation(seconds, report.deviation)


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """Queued job.

    Attributes:
        ready_key: Sort key in the queue: smaller is sooner.
        due_seconds: Seconds from now until it may be claimed.
        durations: Estimated durations by setup of the worker, if known.
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
        free_in: Seconds until it is free; None if unknown.
        owner_id: Owner of its current job; None without a job.
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
        """Return whether the worker could claim the job, once the job is due."""
        return (
            self.can_hold(job)
            and not self.draining
            and job.excluded_device != self.device_uuid
        )

    def can_hold(self, job: WaitingJob) -> bool:
        """Return whether the device is large enough, and of the right class."""
        return job.need_bytes <= self.device_bytes and job.device_class in {
            None,
            self.device_class,
        }


@dataclass(frozen=True, slots=True)
class OwnerQuota:
    """Running jobs of an owner, and their maximum; None for no maximum."""

    running: int = 0
    max_running: int | None = None

    @property
    def is_exhausted(self) -> bool:
        """Return whether no further job may start before one ends."""
        return self.max_running is not None and self.running >= self.max_running


@dataclass(frozen=True, slots=True)
class RunSlot:
    """Estimated start and end of a job, in seconds from now."""

    starts: DurationRange
    ends: DurationRange


def claim_order(
    waiting: Iterable[WaitingJob], quotas: Mapping[str, OwnerQuota]
) -> dict[str, int]:
    """Return the place of each job in the order of claims, by job id; 0 is next.

    The owner with the fewest running jobs comes first, then the smallest ready key.
    """
    queues: dict[str, list[WaitingJob]] = {}
    for job in sorted(waiting, key=lambda job: (job.ready_key, job.job_id)):
        queues.setdefault(job.owner_id, []).append(job)
    turns = sorted(
        (running, job.ready_key, owner_id, job.job_id)
        for owner_id, queue in queues.items()
        for running, job in enumerate(queue, quotas.get(owner_id, OwnerQuota()).running)
    )
    return {job_id: place for place, (*_, job_id) in enumerate(turns)}


def plan_runs(
    waiting: Iterable[WaitingJob],
    workers: Sequence[LiveWorker],
    quotas: Mapping[str, OwnerQuota],
) -> dict[str, RunSlot]:
    """Estimate when each job runs, by job id.

    Jobs are omitted if no live worker can take them, if their duration is unknown, or
    if their owner may run no more jobs at present.

    Args:
        waiting: Queued jobs.
        workers: Live workers.
        quotas: Quotas by owner id.
    """
    free = {
        worker.id: worker.free_in for worker in workers if worker.free_in is not None
    }
    places = claim_order(waiting := list(waiting), quotas)
    slots = {}
    for job in sorted(waiting, key=lambda job: places[job.job_id]):
        fitting = [
            worker
            for worker in workers
            if worker.id in free
            and worker.can_claim(job)
            and worker.setup in job.durations
        ]
        if not fitting or quotas.get(job.owner_id, OwnerQuota()).is_exhausted:
            continue
        worker = min(fitting, key=lambda worker: free[worker.id].seconds)
        starts = _not_before(free[worker.id], job.due_seconds)
        slot = RunSlot(starts, starts + job.durations[worker.setup])
        slots[job.job_id] = slot
        free[worker.id] = slot.ends
    return slots


def _not_before(start: DurationRange, seconds: float) -> DurationRange:
    """Return the range with all values raised to at least `seconds`."""
    return DurationRange(
        max(start.seconds, seconds), max(start.low, seconds), max(start.high, seconds)
    )
