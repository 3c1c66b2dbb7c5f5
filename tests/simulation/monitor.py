"""Monitor of liveness: looks every few seconds at what should have come to pass.

It knows which faults are at work, and asks for nothing while one is. Then it has a
bound for each class of fault: docs/reliability.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.states import LEASED, JobState
from tests.simulation.farm.patches import CHECK_SECONDS, REGISTRATION_SECONDS
from tests.simulation.farm.troubles import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.farm.processes import WorkerProcess
    from tests.simulation.farm.world import World

LOOK_SECONDS = 4.0
SLACK_SECONDS = 8.0  # looks, steps on the way, and the start of a thread
_EXCLUDED_FACTOR = 6
STALL_STEPS = 20  # as worker.lease has it

_ROWS = (
    "SELECT id, state, fence, ready_key, run_after, excluded_device FROM jobs "
    "WHERE state IN ('queued', 'running', 'pausing', 'canceling')"
)
_WORKERS = "SELECT id FROM workers"


class Monitor:
    """Monitor of one world; what it finds are (kind, job, why)."""

    def __init__(self, world: World) -> None:
        self._world, settings = world, world.settings
        self.found: list[tuple[str, str, str]] = []
        self._since: dict[tuple[str, ...], float] = {}
        rounds = 2 * settings.rescue_seconds
        self._bound = settings.lease_seconds + rounds + SLACK_SECONDS
        stall_seconds = max(
            settings.stall_seconds, STALL_STEPS * 1.3 * world.iteration_seconds
        )
        self._sick_bound = {
            "is_hung": stall_seconds + 2 * settings.lease_seconds,
            "is_broken": 1.5 * world.iteration_seconds + settings.heartbeat_seconds,
            "is_deaf": settings.watchdog_seconds,
        }

    def run(self) -> None:
        """Look again and again."""
        while True:
            self._world.scheduler.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Look once."""
        world, seen = self._world, set[tuple[str, ...]]()
        rows = world.look(_ROWS)
        now, database_now = world.scheduler.now, world.database_clock()
        for what in self._overdue(rows, database_now):
            seen.add(what)
            since = self._since.setdefault(what, now)
            bound = self._bound_of(what)
            if now - max(since, world.quiet_since) > bound:
                kind, about, *_ = what
                self._report(kind, about, f"for more than {bound:.0f} s")
        self._since = {what: at for what, at in self._since.items() if what in seen}

    def _report(self, kind: str, about: str, why: str) -> None:
        if all(one[:2] != (kind, about) for one in self.found):
            self._world.scheduler.note("", f"VIOLATION {kind}: {about} {why}")
            self.found.append((kind, about, why))

    def _bound_of(self, what: tuple[str, ...]) -> float:
        if what[0] == "not replaced":
            return self._sick_bound[what[2]] + SLACK_SECONDS + 2 * CHECK_SECONDS
        if what[0] == "not claimed elsewhere":  # others may get its notifications
            return _EXCLUDED_FACTOR * self._bound
        if what[0] == "not rescued":
            return (
                self._bound + self._extra_leases() * self._world.settings.lease_seconds
            )
        if what[0] == "not registered":
            return 2 * REGISTRATION_SECONDS + SLACK_SECONDS
        if what[0] == "not obeyed":
            world = self._world
            return 3 * world.settings.heartbeat_seconds + 3 * world.iteration_seconds
        return self._bound

    def _extra_leases(self) -> int:
        """Leases that a rescue may take more than usual: docs/reliability.md.

        One after an outage of the database, in which living workers could not renew
        theirs; and one if its clock was set back, for leases from before.
        """
        world = self._world
        recently = world.quiet_since - world.settings.lease_seconds
        was_set_back = world.database_clock.caught_up_at > recently
        was_away = any(
            one.resource == DATABASE and one.until > recently
            for one in world.troubles.history
        )
        return was_away + was_set_back

    def _overdue(self, rows: list, database_now: float) -> Iterator[tuple[str, ...]]:
        """Everything that may not stay as it is for long: (kind, about, more)."""
        world = self._world
        holders = {one.runner.job_id: one for one in world.workers if not one.is_dead}
        free = [one for one in world.workers if self._is_free(one)]
        for job_id, state, fence, ready_key, run_after, excluded in rows:
            holder = holders.get(job_id)
            if state in LEASED:
                if holder is None:
                    yield "not rescued", job_id, str(fence)
                elif state != JobState.RUNNING and not holder.is_sick:
                    yield "not obeyed", job_id, state
            elif ready_key is not None:
                yield from self._unclaimed(job_id, excluded, free)
            elif run_after < database_now:
                yield "not woken", job_id, str(fence)
        yield from self._sick_ones(rows)
        yield from self._unregistered()

    def _unregistered(self) -> Iterator[tuple[str, ...]]:
        """Workers that work, and that nobody knows of."""
        known = {worker_id for (worker_id,) in self._world.look(_WORKERS)}
        for worker in self._world.workers:
            works = worker.is_up and worker.is_subscribed and not worker.is_leaving
            if works and worker.context.worker_id not in known:
                yield "not registered", worker.name

    def _unclaimed(
        self, job_id: str, excluded: str | None, free: list[WorkerProcess]
    ) -> Iterator[tuple[str, ...]]:
        devices = {one.device.uuid for one in self._world.workers}
        for worker in free:
            if excluded is None or devices == {excluded}:  # there is no other
                yield "not claimed", job_id, worker.name
            elif worker.device.uuid != excluded:
                yield "not claimed elsewhere", job_id, worker.name

    def _is_free(self, worker: WorkerProcess) -> bool:
        well = worker.is_up and not worker.is_sick and not worker.is_leaving
        return (
            well
            and worker.slot not in self._world.drained
            and worker.runner.job_id is None
        )

    def _sick_ones(self, rows: list) -> Iterator[tuple[str, ...]]:
        is_due = any(
            row[1] == JobState.QUEUED and row[3] is not None and row[5] is None
            for row in rows
        )
        for worker in self._world.workers:
            if not worker.is_up or worker.is_leaving:
                continue
            is_busy = worker.runner.job_id is not None
            if worker.is_hung and is_busy:
                yield "not replaced", worker.name, "is_hung"
            if worker.is_broken and worker.runner.is_broken:
                yield "not replaced", worker.name, "is_broken"
            idle = not is_busy and worker.slot not in self._world.drained
            if worker.is_deaf and idle and is_due:
                yield "not replaced", worker.name, "is_deaf"
