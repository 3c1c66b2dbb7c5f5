"""One seed: a farm starts, is broken for a while, settles, and is judged."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from chaos.analysis.evidence import (
    Evidence,
    collect_orphans,
    read_counts,
    read_events,
    read_inputs,
    read_results,
    read_rows,
    read_weights,
)
from chaos.analysis.invariants import Violation, check_invariants
from chaos.analysis.recovery_times import Recovery, compute_delays, compute_recoveries
from chaos.farm.load_generator import PICTURES
from chaos.farm.running_farm import run_farm
from chaos.faults import FAULTS, OF_WORKERS, WITH_FAILOVER, draw
from chaos.faults.users import resume_all
from chaos.faults.workers import collect_triggered_failpoints
from shared.db.models.jobs import Job
from shared.errors import DatabaseUnavailable
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.queries.jobs import get_job
from shared.states import TERMINAL
from shared.storage.backends import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.farm.running_farm import RunningFarm
    from chaos.records import Fault

SETTLE_SECONDS = 60.0
_TICK_SECONDS = 0.05
HUNG_REASON = "an iteration does not end"  # of the watchdog, in a worker's log
_PATIENCE_SECONDS = 90.0
# Told to; by a trap; by the watchdog; killed; told to before it could hear that.
_GOOD_CODES = {0, 1, 75, -9, -15}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do in one episode.

    Attributes:
        seed: Of everything that is drawn.
        database: `sqlite` or `postgresql`.
        seconds: How long things are broken; starting and settling come on top.
        workers: How many.
        gap_seconds: Between two faults, on average.
        workers_only: Break workers, and nothing that they need.
        failover: Let standbys take the place of PostgreSQL, without the last commits.
        keep: Called with the folder of the logs before it is removed, after a
            violation.
    """

    seed: int
    database: str
    seconds: float
    workers: int = 6
    gap_seconds: float = 0.5
    workers_only: bool = False
    failover: bool = False
    keep: Callable[[RunningFarm], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one episode."""

    plan: Plan
    jobs: int
    states: dict[str, int]
    faults: tuple[Fault, ...]
    violations: tuple[Violation, ...]
    recoveries: tuple[Recovery, ...]
    calm: tuple[float, ...]  # seconds of POST /v1/jobs
    frozen: tuple[float, ...]  # the same while Redis was frozen
    settled_seconds: float | None  # None: not within the bound
    restarts: int
    claims: int
    forgotten: int  # jobs that were accepted and have no row, as after a failover


def run_episode(plan: Plan, pictures: dict[int, bytes]) -> Outcome:
    """Play one episode.

    Args:
        plan: What to do.
        pictures: What undisturbed jobs make, by variant; filled in when it is empty.
    """
    rng = random.Random(plan.seed)  # noqa: S311 - not for secrets
    with run_farm(plan.database, plan.workers, rng, replicated=plan.failover) as scene:
        if not pictures:
            pictures.update(_undisturbed(scene))
        scene.load.start()
        _inject_faults(scene, plan)
        settled = _settle(scene)
        evidence = _gather(scene, pictures)
        violations = check_invariants(evidence)
        if violations:
            plan.keep(scene)
    return _outcome(plan, scene, evidence, violations, settled)


def _undisturbed(scene: RunningFarm) -> dict[int, bytes]:
    """Make each picture once while nothing is broken."""
    sent = {each: scene.load.submit_picture(each) for each in range(len(PICTURES))}
    storage, made = open_storage(f"file://{scene.environment.blobs}"), {}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(made) < len(sent):
        for variant, submission in sent.items():
            job = get_job(scene.environment.db, LOCAL_OWNER_ID, str(submission.job_id))
            if job.result_key is not None:
                made[variant] = storage.get(job.result_key)
        if time.monotonic() > deadline:
            raise TimeoutError("undisturbed jobs do not end")
        time.sleep(_TICK_SECONDS)
    return made


def _inject_faults(scene: RunningFarm, plan: Plan) -> None:
    faults = WITH_FAILOVER if plan.failover else FAULTS
    if plan.workers_only:
        faults = OF_WORKERS
    ends_at = time.monotonic() + plan.seconds
    next_at = time.monotonic() + 1
    while time.monotonic() < ends_at:
        _tend(scene)
        if time.monotonic() >= next_at:
            if (fault := draw(scene, faults)) is not None:
                scene.records.faults.append(fault)
            next_at += scene.rng.expovariate(1 / plan.gap_seconds)
        time.sleep(_TICK_SECONDS)


def _tend(scene: RunningFarm) -> None:
    """Mend what is due, man empty places, and note what the traps caught."""
    scene.delayed.run_due()
    scene.records.faults.extend(collect_triggered_failpoints(scene))
    for number, code in scene.workers.restart_exited():
        if code not in _GOOD_CODES:
            scene.records.surprises.append(f"worker {number} ended with {code}")
    for server in scene.servers:
        server.restart_if_exited()


def _settle(scene: RunningFarm) -> float | None:
    """Mend everything and wait until all jobs are over.

    Returns:
        How long that took, None if it did not come to an end in time.
    """
    for berth in scene.workers.slots:
        berth.traps.clear()
    scene.delayed.run_due(all_of_it=True)
    began, now = time.monotonic(), time.time()
    scene.records.faults[:] = [
        replace(one, until=min(one.until, now)) for one in scene.records.faults
    ]
    for server in scene.servers:
        server.restart_if_exited()
        server.wait_ready()
    scene.load.stop()
    scene.threads.shutdown()  # whoever waits for an answer gets it now
    while time.monotonic() - began < SETTLE_SECONDS:
        _tend(scene)
        scene.delayed.run_due(all_of_it=True)
        try:
            resume_all(scene)
            if _open_jobs(scene) == 0:
                return time.monotonic() - began
        except DatabaseUnavailable:
            pass  # it is on its way back
        time.sleep(4 * _TICK_SECONDS)
    return None


def _open_jobs(scene: RunningFarm) -> int:
    with scene.environment.db.read() as session:
        count = select(func.count()).where(Job.state.not_in(TERMINAL))
        return session.scalar(count) or 0


def _gather(scene: RunningFarm, pictures: dict[int, bytes]) -> Evidence:
    """Send all processes home, then read what is left."""
    complaints = [*scene.records.surprises, *scene.workers.stop()]
    shown = {
        row.id: tuple(client.state(row.id) for client in scene.clients)
        for row in read_rows(scene.environment)
    }
    codes = [server.stop() for server in scene.servers]
    complaints += [f"an API server ended with {code}" for code in codes if code != 0]
    ground, rows = scene.environment, read_rows(scene.environment)
    left, missing = collect_orphans(ground)
    return Evidence(
        submissions=scene.records.submissions,
        actions=scene.records.actions,
        children=scene.records.children,
        removed_inputs=scene.records.removed_inputs,
        lost_commits=scene.records.lost_commits,
        rows=rows,
        events=read_events(ground),
        weights=read_weights(ground, rows),
        results=read_results(ground, rows),
        pictures=pictures,
        api_states=shown,
        inputs=read_inputs(ground),
        counts=read_counts(ground),
        orphan_keys=left,
        missing_checkpoints=missing,
        thought_hung=sum(
            berth.count_in_log(HUNG_REASON) for berth in scene.workers.slots
        ),
        complaints=complaints,
    )


def _outcome(
    plan: Plan,
    scene: RunningFarm,
    evidence: Evidence,
    violations: list[Violation],
    settled: float | None,
) -> Outcome:
    faults, states = scene.records.faults, [row.state for row in evidence.rows]
    accepted = {one.job_id for one in (*evidence.submissions, *evidence.children)}
    calm, frozen = compute_delays(scene.records.submissions, faults)
    return Outcome(
        plan=plan,
        jobs=len(evidence.rows),
        states={str(state): states.count(state) for state in sorted(set(states))},
        faults=tuple(faults),
        violations=tuple(violations),
        recoveries=tuple(compute_recoveries(faults, evidence.events)),
        calm=tuple(calm),
        frozen=tuple(frozen),
        settled_seconds=settled,
        restarts=sum(berth.starts - 1 for berth in scene.workers.slots),
        claims=sum(
            one.event == "claim" for each in evidence.events.values() for one in each
        ),
        forgotten=len(accepted - {None} - {row.id for row in evidence.rows}),
    )
