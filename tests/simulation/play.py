"""One seed: a plan is played, the farm settles, and the oracles judge it."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import Job
from shared.errors import ImpastoError
from shared.jobs.actions import resume
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.states import JobState
from tests.simulation.farm.patches import patched
from tests.simulation.farm.processes import START_SECONDS
from tests.simulation.farm.world import World
from tests.simulation.faults import Step, apply_step, draw_plan
from tests.simulation.monitor import Monitor
from tests.simulation.oracles import judge

if TYPE_CHECKING:
    from chaos.analysis.invariants import Violation
    from tests.simulation.farm.databases import SeedDatabase

ITERATION_SECONDS = (3.0, 4.0, 6.0, 12.0)  # short beside a lease, and long
WORKERS = (2, 3, 2, 3, 1)  # processes
SETTLE_SECONDS = 3000.0
_TICK_SECONDS = 5.0
_OPEN = (
    "SELECT id, state FROM jobs WHERE state IN "
    "('queued', 'running', 'pausing', 'paused', 'canceling') ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    jobs: int
    states: dict[str, int]
    faults: dict[str, int]
    virtual_seconds: float
    steps: int
    digest: str
    violations: tuple[Violation, ...]
    trace: tuple[tuple[float, str, str], ...]


def play(
    seed: int,
    home: SeedDatabase,
    plan: tuple[Step, ...] | None = None,
    iteration_seconds: float | None = None,
) -> Outcome:
    """Play one seed, or another plan with its dice."""
    steps = draw_plan(seed) if plan is None else plan
    world = World(home, seed, iteration_seconds or ITERATION_SECONDS[seed % 4])
    with patched(world):
        monitor = Monitor(world)
        world.populate(WORKERS[seed % 5], 1 + seed // 2 % 2)
        world.scheduler.spawn(None, "monitor", monitor.run)
        world.scheduler.spawn(None, "director", lambda: _direct(world, steps))
        gc.disable()  # a collected greenlet would run its `finally` blocks
        try:
            world.scheduler.run()
            for process in world.processes:
                process.is_dead = True
        finally:
            gc.enable()
        outcome = _outcome(world, judge(world, monitor))
        world.scheduler.close()
    return outcome


def _direct(world: World, steps: tuple[Step, ...]) -> None:
    """Do everything of the plan, then mend all and wait until all jobs are over."""
    world.scheduler.sleep(10)
    for step in steps:
        _pass(world, step.gap)
        apply_step(world, step)
    world.scheduler.note("", "SETTLE")
    mend(world)
    deadline = world.scheduler.now + SETTLE_SECONDS
    while world.scheduler.now < deadline and _open_jobs(world):
        world.scheduler.sleep(_TICK_SECONDS)
    world.scheduler.is_over = True


def _pass(world: World, seconds: float) -> None:
    """Let time pass; idle time is skipped."""
    end = world.scheduler.now + seconds
    while world.scheduler.now < end:
        world.scheduler.sleep(min(_TICK_SECONDS, end - world.scheduler.now))
        if world.is_idle():
            return


def mend(world: World) -> None:
    """End everything that is wrong; the sick stay so until they are replaced."""
    world.troubles.clear()
    world.traps.clear()
    for host in world.hosts:
        host.awake(world.scheduler.now)
    for process in [*world.workers, *world.apis]:
        process.thaw()
    world.restart_now()
    world.quiet_since = world.scheduler.now + START_SECONDS


def _open_jobs(world: World) -> bool:
    """Resume what is paused; whether any job is not over."""
    rows = world.look(_OPEN)
    for job_id, state in rows:
        if state == JobState.PAUSED:
            try:
                resume(world.database, LOCAL_OWNER_ID, job_id)
            except ImpastoError:
                continue
    is_stuck = any(
        (one.is_hung or one.is_broken) and one.runner.job_id for one in world.workers
    )
    return bool(rows) or is_stuck or not all(one.is_done for one in world.clients)


def _outcome(world: World, violations: list[Violation]) -> Outcome:
    with world.database.read() as session:
        states = sorted(session.scalars(select(Job.state)))
    return Outcome(
        seed=world.seed,
        jobs=len(states),
        states={str(state): states.count(state) for state in set(states)},
        faults=world.fault_counts,
        virtual_seconds=world.scheduler.now,
        steps=world.scheduler.steps,
        digest=world.scheduler.digest(),
        violations=tuple(violations),
        trace=tuple(world.scheduler.trace),
    )
