"""The world of one seed: hosts, processes, the database, the storage, the channel."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.records import Records
from shared.assets import NewAsset, add_asset
from shared.auth.api_keys import ensure_owner
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.settings import Settings
from tests.simulation.farm.channel import Channel
from tests.simulation.farm.clock import START, DatabaseClock, Host
from tests.simulation.farm.engine import Engine, small_picture
from tests.simulation.farm.processes import (
    KILLED,
    RESTART,
    ApiProcess,
    Process,
    WorkerProcess,
)
from tests.simulation.farm.resources import Blobs
from tests.simulation.farm.troubles import AWAY, DATABASE, Troubles
from tests.simulation.scheduler import ProcessDied, Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.records import ChildRequest
    from tests.simulation.farm.databases import SeedDatabase
    from tests.simulation.scheduler import Task

OUTAGE = "outage"
EXIT, FREEZE, LOSE = "dies", "freezes", "loses the answer"
SETTINGS = {
    "lease_seconds": 60,
    "heartbeat_seconds": 20,
    "stall_seconds": 120,
    "watchdog_seconds": 240,
    "rescue_seconds": 45,
    "renotify_seconds": 40,
    "checkpoint_seconds": 20,
    "preview_seconds": 60,
    "retry_seconds": 5,
    "save_retry_seconds": 10,
    "save_timeout_seconds": 60,
    "worker_threads": 1,
    "cpu_precision": "float32",
}
OPERATOR_SECONDS = 60.0  # after which somebody starts an unusable worker again
_LATENCY = (-4.0, -1.7)  # powers of ten of seconds that a step takes


@dataclass(slots=True)
class Trap:
    """What happens to a process at its next step of this name."""

    point: str
    action: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """A process that ended: which, when, with which code, and in which state.

    Attributes:
        job_id: Job that it worked on, or None.
        quiet_seconds: How long nothing had been wrong anywhere.
    """

    process: str
    at: float
    code: int
    was_sick: bool
    job_id: str | None
    quiet_seconds: float = 0.0


@dataclass(slots=True)
class Change:
    """One event of a job, when it came to pass, and who made it."""

    seq: int
    job_id: str
    event: str
    state: str
    fence: int
    at: float
    by: str
    is_held: bool = False  # whether a worker that is well works on the job


@dataclass
class World:
    """Everything of one seed.

    Attributes:
        touches: Which process a fault hit, "" for all, OUTAGE for one of the database
            that hits all alike; from when until when.
        quiet_since: Since when nothing has been wrong anywhere.
        foreign_leases: Who set the lease of a job that another held, or nobody:
            (job, process).
    """

    home: SeedDatabase
    seed: int
    iteration_seconds: float = 4.0
    settings: Settings = field(
        default_factory=lambda: Settings(home="/nonexistent", **SETTINGS)
    )

    def __post_init__(self) -> None:
        self.database, self.look = self.home.fresh(), self.home.look
        self.rng = random.Random(f"run {self.seed}")
        self.scheduler = Scheduler(self.rng)
        self.database_clock = DatabaseClock(self.scheduler)
        self.database.clock = self.database_clock
        self.troubles = Troubles(self.scheduler, self.rng)
        self.blobs, self.channel, self.engine = Blobs(), Channel(self), Engine(self)
        self.hosts = [Host("host-0"), Host("host-1")]
        self.slots: list[WorkerProcess] = []
        self.apis: list[ApiProcess] = []
        self.processes: list[Process] = []
        self.traps: dict[str, Trap] = {}  # by slot
        self.records, self.complaints = Records(), list[str]()
        self.changes: list[Change] = []
        self.losses: list[Loss] = []
        self.touches: list[tuple[str, float, float]] = []
        self.children: list[ChildRequest] = []
        self.drained: set[str] = set()  # slots whose workers shall take no jobs
        self.damaged: set[str] = set()  # keys of checkpoints
        self.fault_counts: dict[str, int] = {}
        self.quiet_since = 0.0
        self.restart_delays: dict[str, float] = {}
        self._restarts: list[Task] = []
        self.clients: list[Task] = []
        self.foreign_leases: list[tuple[str, str]] = []
        self._leases: dict[str, float] = {}  # when it ends, by job
        self._ulids = self._last_seq = 0

    @property
    def workers(self) -> list[WorkerProcess]:
        """The worker processes of all slots."""
        return self.slots

    def populate(self, worker_count: int, api_count: int) -> None:
        """Make the owner, the pictures and the processes."""
        ensure_owner(self.database, LOCAL_OWNER_ID)
        self.asset_ids = [self._add_asset(small_picture(color)) for color in (10, 200)]
        for number in range(api_count):
            self.start_api(number)
        for number in range(worker_count):
            self.start_worker(number)

    def start_worker(self, number: int) -> None:
        """Start the worker of a slot, instead of the one before."""
        name = f"w{number}.{self._ulids}"
        host = self.hosts[number % len(self.hosts)]
        worker = WorkerProcess(self, host, name, "cpu")
        self.slots[number : number + 1] = [worker]
        self.processes.append(worker)

    def start_api(self, number: int) -> None:
        """Start an API server instead of the one before."""
        host = self.hosts[number % len(self.hosts)]
        api = ApiProcess(self, host, f"api{number}.{self._ulids}")
        self._ulids += 1
        self.apis[number : number + 1] = [api]
        self.processes.append(api)

    def ended(self, process: Process, code: int) -> None:
        """Note the end of a process, and start another one in its place."""
        sick = isinstance(process, WorkerProcess) and process.is_sick
        job_id = process.runner.job_id if isinstance(process, WorkerProcess) else None
        now = self.scheduler.now
        quiet_seconds = now - self.quiet_since
        loss = Loss(process.name, now, code, sick, job_id, quiet_seconds)
        self.losses.append(loss)
        slot = process.slot
        delay = self.restart_delays.pop(slot, 2.0)
        if code not in {0, KILLED, RESTART}:
            delay = OPERATOR_SECONDS
        start = self.start_api if slot.startswith("api") else self.start_worker
        number = int(slot.lstrip("apiw"))
        self.touch(process.name, now)
        self.disturb(now + delay + 5)
        task = self.scheduler.spawn(None, "supervisor", lambda: start(number), delay)
        self._restarts.append(task)

    def restart_now(self) -> None:
        """Start everything that is still to be started again."""
        for task in self._restarts:
            if not task.is_done:
                self.scheduler.wake(task)

    def step(self, process: Process, point: str) -> bool:
        """Pass a point at which anything may happen; True: the answer is lost."""
        scheduler = self.scheduler
        scheduler.require_alive()
        scheduler.note(process.name, point)
        is_lost = False
        if self.traps:
            slot = process.slot
            trap = self.traps.get(slot)
            if trap is not None and trap.point == point:
                del self.traps[slot]
                self._spring(process, trap)
                is_lost = trap.action == LOSE
        low, high = _LATENCY
        scheduler.sleep(10 ** self.rng.uniform(low, high))
        return is_lost

    def _spring(self, process: Process, trap: Trap) -> None:
        self.scheduler.note(process.name, f"TRAP {trap.action} {trap.point}")
        if trap.action == LOSE:
            return  # one lost answer is no reason for anything
        self.disturb(self.scheduler.now + trap.seconds)
        self.touch(process.name, self.scheduler.now + trap.seconds)
        if trap.action == EXIT:
            process.exit(KILLED)
            raise ProcessDied
        if trap.action == FREEZE:
            process.freeze(trap.seconds)

    def touch(self, name: str, until: float) -> None:
        """Note that a fault hits a process, or all of them ("")."""
        self.touches.append((name, self.scheduler.now, until))

    def was_touched(self, names: set[str], at: float, window: float) -> bool:
        """Whether a fault hit one of these in the time before a moment."""
        return any(
            one in names and begins <= at and until >= at - window
            for one, begins, until in self.touches
        )

    def disturb(self, until: float) -> None:
        """Note that something is wrong until then."""
        self.quiet_since = max(self.quiet_since, until)

    def database_away_until(self, process: Process) -> float:
        """When this process reaches the database again; 0 if it does now."""
        return self.troubles.until(DATABASE, {AWAY}, process.host.name)

    def watch_events(self, process: Process) -> None:
        """Note the events of jobs that a transaction has written."""
        rows = self.look(_NEW_EVENTS.format(self._last_seq))
        for seq, job_id, event, state, fence in rows:
            self._last_seq = seq
            at, is_held = self.scheduler.now, self._is_held(job_id)
            self.changes.append(
                Change(seq, job_id, event, state, fence, at, process.name, is_held)
            )
            self.scheduler.note(process.name, f"{job_id} {event} -> {state} {fence}")

    def watch_leases(self, process: Process) -> None:
        """Note a lease that a transaction set for somebody else than its process."""
        rows = self.look(_LEASES)
        for job_id, lease_until, holder in rows:
            is_new = lease_until != self._leases.get(job_id)
            if is_new and holder != process.worker_id:
                self.foreign_leases.append((job_id, process.name))
        self._leases = {job_id: lease_until for job_id, lease_until, _ in rows}

    def _is_held(self, job_id: str) -> bool:
        return any(
            one.is_up and not one.is_sick and one.runner.job_id == job_id
            for one in self.workers
        )

    def complain(self, what: str) -> None:
        """Note something that should never happen."""
        self.complaints.append(what)
        self.scheduler.note("", what)

    def is_idle(self) -> bool:
        """Whether no job is held by a worker or waits for one."""
        return not self.look(_BUSY)

    def sleep_if_busy(self, until: float) -> None:
        """Wait until then, or until nothing would come to pass before."""
        while self.scheduler.now < until and not self.is_idle():
            self.scheduler.sleep(min(10.0, until - self.scheduler.now))

    def latest_time(self) -> float:
        """Return the time of the clock that is furthest ahead."""
        steps = [
            self.database_clock.step_seconds,
            *(h.step_seconds for h in self.hosts),
        ]
        return START + self.scheduler.now + max(steps)

    def start_client(
        self, name: str, function: Callable[[], None], delay: float = 0.0
    ) -> None:
        """Let somebody do something."""
        self.clients.append(self.scheduler.spawn(None, name, function, delay))

    def has_exited(self, name: str) -> bool:
        """Whether a process has ended."""
        return all(one.is_dead for one in self.processes if one.name == name)

    def random_hex(self, size: int) -> str:
        """Return seeded random bytes, in hexadecimal."""
        return self.rng.randbytes(size).hex()

    def next_ulid(self) -> str:
        """Return the next of the ids that sort by time."""
        self._ulids += 1
        return f"{self._ulids:026d}"

    def _add_asset(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        key = f"assets/{digest}"
        self.blobs.data[key] = (data, 0.0)
        new = NewAsset(LOCAL_OWNER_ID, digest, key, len(data), "image/png", 16, 16)
        return add_asset(self.database, new)


_NEW_EVENTS = (
    "SELECT seq, job_id, event, state, fence FROM job_events WHERE seq > {} "
    "ORDER BY seq"
)
_LEASES = "SELECT id, lease_until, worker_id FROM jobs WHERE lease_until IS NOT NULL"
_BUSY = (
    "SELECT 1 FROM jobs WHERE state IN ('running', 'pausing', 'canceling') "
    "OR (state = 'queued' AND ready_key IS NOT NULL) LIMIT 1"
)
