"""Faults: each a function of the world and of dice of its own, so that others may be
left out of a plan without changing it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.workers.registry import set_worker_draining
from tests.simulation.farm import users
from tests.simulation.farm.processes import KILLED, Process, WorkerProcess
from tests.simulation.farm.troubles import (
    AWAY,
    CHANNEL,
    DATABASE,
    DEAF,
    DOUBLING,
    FLAKY,
    FULL,
    LOSSY,
    SLOW,
    STORAGE,
    Trouble,
)
from tests.simulation.farm.world import EXIT, FREEZE, LOSE, OUTAGE, Trap

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.farm.world import World

DAY_SECONDS = 86_400.0
LEAST_JOBS, LEAST_FAULTS = 5, 20
VERB = "verb"
SUBMIT = "submit"


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next: after `gap` seconds, something of a kind, by its own dice."""

    gap: float
    kind: str
    dice: int


def draw_plan(seed: int) -> tuple[Step, ...]:
    """Draw everything that happens from outside in one seed."""
    rng = random.Random(f"plan {seed}")
    kinds = [SUBMIT] * (LEAST_JOBS - 2 + rng.randrange(2))
    kinds += [VERB] * rng.randint(3, 6)
    faults, weights = [*FAULTS], [WEIGHTS.get(kind, 1.0) for kind in FAULTS]
    kinds += rng.choices(faults, weights, k=LEAST_FAULTS + rng.randrange(4))
    rng.shuffle(kinds)
    kinds[:0] = [SUBMIT] * 2
    steps = []
    for kind in kinds:
        calm = rng.random() < 0.06
        gap = rng.uniform(80, 160) if calm else rng.expovariate(1 / 8)
        steps.append(Step(round(gap, 3), kind, rng.randrange(2**32)))
    return tuple(steps)


def log_uniform(rng: Random, low: float, high: float) -> float:
    """Draw a number of any order of magnitude alike."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _worker(world: World, rng: Random, *, busy: bool = True) -> WorkerProcess:
    """Choose a worker, a busy one if there is any and it is asked for."""
    alive = [one for one in world.workers if not one.is_dead]
    working = [one for one in alive if one.runner.job_id is not None]
    return rng.choice((busy and working) or alive or world.workers)


def _any_process(world: World, rng: Random) -> Process:
    return rng.choice([*world.workers, *world.apis])


def _touch(world: World, process: Process, until: float) -> None:
    world.touch(process.name, until)
    world.disturb(until)


def kill(world: World, rng: Random) -> None:
    """A worker or a server is killed; it is started again after a while."""
    process: Process = _worker(world, rng)
    if rng.random() < 0.25:
        process = rng.choice(world.apis)
    slot = process.slot
    world.restart_delays[slot] = log_uniform(rng, 0.5, 300)
    process.exit(KILLED)


def kill_all(world: World, rng: Random) -> None:
    """The power fails: every process ends at once."""
    delay = log_uniform(rng, 0.5, 60)
    for process in [*world.workers, *world.apis]:
        if not process.is_dead:
            slot = process.slot
            world.restart_delays[slot] = delay * rng.uniform(1, 2)
            process.exit(KILLED)


def freeze(world: World, rng: Random) -> None:
    """A process stands still for a while."""
    process = _any_process(world, rng)
    seconds = log_uniform(rng, 0.5, 600)
    process.freeze(seconds)
    _touch(world, process, world.scheduler.now + seconds)


def suspend(world: World, rng: Random) -> None:
    """A whole machine sleeps; its monotonic clock does not count that."""
    host = rng.choice(world.hosts)
    seconds = log_uniform(rng, 1, 3600)
    until = world.scheduler.now + seconds
    for process in [*world.workers, *world.apis]:
        if process.host is host and not process.is_dead:
            process.freeze(seconds)
            _touch(world, process, until)
    host.suspend(world.scheduler.now, seconds)


POINTS = (
    "claim_job", "claim_job", "complete_job", "complete_job", "renew_lease",
    "record_checkpoint", "begin_segments",
    "keep_last_checkpoint", "stop_job", "release_job", "postpone_job", "fail_job",
    "heartbeat_worker", "acquire_leadership", "requeue_expired_leases",
    "wake_backed_off_jobs", "mark_notified", "notify", "put checkpoints",
    "put results", "register_worker",
)  # fmt: skip


def trap(world: World, rng: Random) -> None:
    """A worker dies, freezes or loses an answer at a named step."""
    slot = rng.choice(world.workers).slot
    when, action = rng.choice(["before", "after"]), rng.choice([EXIT, FREEZE, LOSE])
    point = rng.choice(POINTS)
    if action == LOSE:
        when = "after"
    seconds = log_uniform(rng, 1, 300)
    world.traps[slot] = Trap(f"{when} {point}", action, seconds)


def _trouble(
    world: World,
    rng: Random,
    resource: str,
    kind: str,
    longest: float,
    share: float = 1.0,
) -> Trouble:
    seconds = log_uniform(rng, 0.1, longest)
    trouble = Trouble(
        resource, kind, world.scheduler.now + seconds, share,
        hang_seconds=rng.choice([0.01, 0.1, 2.0, 10.0]),
    )  # fmt: skip
    world.troubles.add(trouble)
    is_outage = (resource, kind, longest) == (DATABASE, AWAY, DAY_SECONDS)
    touched = OUTAGE if is_outage else ""
    world.touch(touched, trouble.until + trouble.hang_seconds)
    world.disturb(trouble.until + trouble.hang_seconds)
    return trouble


def database_away(world: World, rng: Random) -> None:
    """The database is away, for up to a day."""
    trouble = _trouble(world, rng, DATABASE, AWAY, DAY_SECONDS)
    if rng.random() < 0.7:
        world.scheduler.sleep(trouble.until - world.scheduler.now)


def database_cut_off(world: World, rng: Random) -> None:
    """One machine does not reach the database."""
    trouble = _trouble(world, rng, DATABASE, AWAY, 1200)
    trouble.host = rng.choice(world.hosts).name


def database_flaky(world: World, rng: Random) -> None:
    """A share of all transactions fails, before or after its commit."""
    kind, share = rng.choice([FLAKY, DEAF]), rng.uniform(0.05, 0.9)
    _trouble(world, rng, DATABASE, kind, 300, share)


def storage_away(world: World, rng: Random) -> None:
    """The storage is away, for up to a day."""
    trouble = _trouble(world, rng, STORAGE, AWAY, DAY_SECONDS)
    if rng.random() < 0.3:
        world.sleep_if_busy(trouble.until)


def storage_flaky(world: World, rng: Random) -> None:
    """A share of the calls fails, before or after, or nothing can be stored."""
    kind, share = rng.choice([FLAKY, DEAF, FULL]), rng.uniform(0.1, 1)
    _trouble(world, rng, STORAGE, kind, 600, share)


def channel_away(world: World, rng: Random) -> None:
    """The channel takes nothing; sometimes it forgets all it had."""
    _trouble(world, rng, CHANNEL, AWAY, 1200)
    if rng.random() < 0.5:
        world.channel.queues.clear()


def channel_noisy(world: World, rng: Random) -> None:
    """The channel loses, doubles or delays."""
    kind = rng.choice([LOSSY, LOSSY, DOUBLING, SLOW])
    _trouble(world, rng, CHANNEL, kind, 1200, rng.uniform(0.3, 1))


def database_clock(world: World, rng: Random) -> None:
    """The database's clock is set, forward or back, by up to a day."""
    step = rng.choice([-1, 1]) * log_uniform(rng, 1, DAY_SECONDS)
    world.database_clock.set(step)
    world.scheduler.note("", f"database clock {step:+.0f} s")
    world.touch("", world.scheduler.now)
    world.disturb(world.scheduler.now)


def host_clock(world: World, rng: Random) -> None:
    """The clock of a machine is set, forward or back, by up to a day."""
    step = rng.choice([-1, 1]) * log_uniform(rng, 1, DAY_SECONDS)
    host = rng.choice(world.hosts)
    host.step_seconds += step
    world.scheduler.note("", f"clock of {host.name} {step:+.0f} s")
    world.disturb(world.scheduler.now)


def hang(world: World, rng: Random) -> None:
    """A worker's iteration does not come back."""
    _sicken(world, _worker(world, rng), "is_hung")


def break_device(world: World, rng: Random) -> None:
    """A worker's device fails for good."""
    _sicken(world, _worker(world, rng), "is_broken")


def deafen(world: World, rng: Random) -> None:
    """A worker hears no notification any more."""
    _sicken(world, _worker(world, rng, busy=False), "is_deaf")


def _sicken(world: World, worker: WorkerProcess, how: str) -> None:
    setattr(worker, how, True)
    worker.sick_since = min(worker.sick_since, world.scheduler.now)
    world.scheduler.note(worker.name, how)
    _touch(world, worker, world.scheduler.now)


def drain(world: World, rng: Random) -> None:
    """The operator drains a worker for a while, or tells it to end."""
    worker = _worker(world, rng)
    _touch(world, worker, world.scheduler.now)
    if rng.random() < 0.4:
        world.scheduler.note(worker.name, "SIGTERM")
        if not worker.is_dead:
            worker.terminate()
        return
    slot = worker.slot
    world.drained.add(slot)
    _set_draining(world, slot)
    seconds = log_uniform(rng, 1, 200)

    def take_back() -> None:
        world.drained.discard(slot)
        _set_draining(world, slot)
        world.disturb(world.scheduler.now)

    world.start_client("operator", take_back, seconds)


def _set_draining(world: World, slot: str) -> None:
    """Tell the farm whether the worker of a slot shall take jobs.

    The row may still be the one of a dead predecessor, which the new one follows.
    """
    draining = slot in world.drained
    for worker in world.processes:
        if isinstance(worker, WorkerProcess) and worker.slot == slot:
            worker_id = worker.context.worker_id
            set_worker_draining(world.database, worker_id, draining=draining)
    world.scheduler.note(slot, f"drained: {draining}")


def lose_checkpoint(world: World, rng: Random) -> None:
    """A stored checkpoint is damaged or gone."""
    keys = sorted(key for key in world.blobs.data if key.startswith("checkpoints/"))
    if not keys:
        return
    key = rng.choice(keys)
    world.scheduler.note("", f"damaged {key}")
    world.damaged.add(key)
    data, at = world.blobs.data[key]
    if rng.random() < 0.5:
        world.blobs.data[key] = (data[: len(data) // 2], at)
    else:
        del world.blobs.data[key]


FAULTS: dict[str, Callable[[World, Random], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        kill, kill_all, freeze, suspend, trap, database_away, database_cut_off,
        database_flaky, storage_away, storage_flaky, channel_away, channel_noisy,
        database_clock, host_clock, hang, break_device, deafen, drain, lose_checkpoint,
    )
}  # fmt: skip
WEIGHTS = {"trap": 3.0, "kill": 2.5, "database away": 1.5, "kill all": 0.5}


def apply_step(world: World, step: Step) -> None:
    """Do what a step of the plan says."""
    rng = random.Random(step.dice)
    world.scheduler.note("", f"STEP {step.kind}")
    if step.kind == SUBMIT:
        world.start_client("client", lambda: users.submit(world, rng))
    elif step.kind == VERB:
        _act(world, rng)
    else:
        FAULTS[step.kind](world, rng)
        world.fault_counts[step.kind] = world.fault_counts.get(step.kind, 0) + 1


def _act(world: World, rng: Random) -> None:
    job_ids = sorted({change.job_id for change in world.changes})
    if job_ids:
        verb, job_id = rng.choice(users.VERBS), rng.choice(job_ids)
        world.start_client("client", lambda: users.act(world, verb, job_id, rng))
