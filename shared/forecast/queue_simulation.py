"""In which order waiting jobs are claimed, and when: the claim, played ahead of time.

Pure: what `shared.jobs.claim` does with rows, this does with numbers.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.forecast.pace_model import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOW = Span(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job in line.

    Attributes:
        key: Where it stands: smaller is sooner.
        due_seconds: From now on, until it may be claimed at all.
        spans: How long it takes, by the worker's setup, as far as known.
    """

    job_id: str
    owner_id: str
    key: float
    need_bytes: int = 0
    device_class: str | None = None
    excluded_device: str | None = None
    due_seconds: float = 0.0
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A live worker.

    Attributes:
        busy: Until it is free; None: nobody knows when.
        owner_id: Whose job it has.
    """

    id: str
    device_class: str
    device_bytes: int
    device_uuid: str
    setup: str
    draining: bool = False
    busy: Span | None = NOW
    owner_id: str | None = None

    def takes(self, job: Waiting) -> bool:
        """Whether it could claim the job, were it due and the worker free."""
        return (
            self.can_hold(job)
            and not self.draining
            and job.excluded_device != self.device_uuid
        )

    def can_hold(self, job: Waiting) -> bool:
        """Whether its device is large enough, and of the right class."""
        return job.need_bytes <= self.device_bytes and job.device_class in {
            None,
            self.device_class,
        }


@dataclass(frozen=True, slots=True)
class Share:
    """What an owner has running, and may have; None: any number."""

    running: int = 0
    max_running: int | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether no further job may start before one ends."""
        return self.max_running is not None and self.running >= self.max_running


@dataclass(frozen=True, slots=True)
class Slot:
    """When a job runs, in seconds from now, and on what kind of worker.

    Attributes:
        is_surmise: Whether it was not played, but reckoned from others.
    """

    starts: Span
    ends: Span
    setup: str
    is_surmise: bool = False


def ranks(waiting: Iterable[Waiting], shares: Mapping[str, Share]) -> dict[str, int]:
    """Order jobs as they would be claimed one after the other: 0 is next.

    The owner with the fewest running jobs comes first, then the job that stands best.
    """
    lines = _lines(waiting)
    heads = [
        (shares.get(owner_id, Share()).running, line[-1].key, owner_id)
        for owner_id, line in lines.items()
    ]
    heapq.heapify(heads)
    found: dict[str, int] = {}
    while heads:
        running, _, owner_id = heapq.heappop(heads)
        found[lines[owner_id].pop().job_id] = len(found)
        if line := lines[owner_id]:
            heapq.heappush(heads, (running + 1, line[-1].key, owner_id))
    return found


def simulate(
    waiting: Iterable[Waiting],
    servers: Sequence[Server],
    shares: Mapping[str, Share],
) -> dict[str, Slot]:
    """Play the claims ahead.

    Args:
        waiting: Jobs in line.
        servers: Live workers.
        shares: Of owners, by id.

    Returns:
        When each starts and ends, by job id; jobs that no worker takes, or of which
        nobody knows how long they last, are missing.
    """
    return _Play(waiting, servers, shares).run()


class _Play:
    def __init__(
        self,
        waiting: Iterable[Waiting],
        servers: Sequence[Server],
        shares: Mapping[str, Share],
    ) -> None:
        self._lines = _lines(waiting)
        self._limits = {who: share.max_running for who, share in shares.items()}
        self._running = {who: share.running for who, share in shares.items()}
        self._slots: dict[str, Slot] = {}
        self._servers = [server for server in servers if server.busy is not None]
        self._free = [
            (s.busy.seconds, i) for i, s in enumerate(self._servers) if s.busy
        ]
        heapq.heapify(self._free)
        self._at = [server.busy or NOW for server in self._servers]
        self._owner = [server.owner_id for server in self._servers]

    def run(self) -> dict[str, Slot]:
        while self._free and any(self._lines.values()):
            now, index = heapq.heappop(self._free)
            self._hand_back(index)
            job = self._next(self._servers[index], now)
            if job is not None:
                self._start(index, job)
                continue
            later = self._next_change(now)
            if later is not None:
                self._at[index] = _not_before(self._at[index], later)
                heapq.heappush(self._free, (later, index))
        return self._slots

    def _hand_back(self, index: int) -> None:
        owner_id, self._owner[index] = self._owner[index], None
        if owner_id is not None:
            self._running[owner_id] = max(0, self._running.get(owner_id, 0) - 1)

    def _next(self, server: Server, now: float) -> Waiting | None:
        """The job that `server` would claim."""
        best: tuple[int, float, Waiting] | None = None
        for owner_id, line in self._lines.items():
            running = self._running.get(owner_id, 0)
            limit = self._limits.get(owner_id)
            if limit is not None and running >= limit:
                continue
            job = next((j for j in reversed(line) if _may(server, j, now)), None)
            if job is not None and (best is None or (running, job.key) < best[:2]):
                best = running, job.key, job
        return best[2] if best else None

    def _start(self, index: int, job: Waiting) -> None:
        server, starts = self._servers[index], self._at[index]
        span = job.spans[server.setup]
        ends = Span(
            starts.seconds + span.seconds,
            starts.low + span.low,
            starts.high + span.high,
        )
        self._slots[job.job_id] = Slot(starts, ends, server.setup)
        self._lines[job.owner_id].remove(job)
        self._running[job.owner_id] = self._running.get(job.owner_id, 0) + 1
        self._owner[index], self._at[index] = job.owner_id, ends
        heapq.heappush(self._free, (ends.seconds, index))

    def _next_change(self, now: float) -> float | None:
        """When an idle worker may find something: a job ends, or one becomes due."""
        ends = [seconds for seconds, _ in self._free if seconds > now]
        due = (job.due_seconds for line in self._lines.values() for job in line)
        return min([*ends, *(at for at in due if at > now)], default=None)


def _may(server: Server, job: Waiting, now: float) -> bool:
    return job.due_seconds <= now and server.takes(job) and server.setup in job.spans


def _not_before(span: Span, seconds: float) -> Span:
    """What starts at `seconds` may start then at the earliest."""
    return Span(*(max(each, seconds) for each in (span.seconds, span.low, span.high)))


def _lines(waiting: Iterable[Waiting]) -> dict[str, list[Waiting]]:
    """Each owner's jobs, the next one last."""
    lines: dict[str, list[Waiting]] = {}
    for job in sorted(waiting, key=lambda job: (job.key, job.job_id), reverse=True):
        lines.setdefault(job.owner_id, []).append(job)
    return lines
