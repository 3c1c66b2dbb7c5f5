"""Oracles: those of the chaos judge, and what may be lost, and why a job may end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from sqlalchemy import select

from chaos.analysis import evidence, invariants
from chaos.analysis.evidence import Evidence
from chaos.analysis.invariants import DOUBLED, Violation
from chaos.records import RequestedAction
from shared.db.base import unreferenced_keys
from shared.db.models.jobs import Checkpoint
from shared.errors import DeviceFailed, WorkerLost
from shared.maintenance.loop import LEADERSHIP_ROUNDS
from shared.maintenance.orphans import OrphanCollector
from shared.states import LEASED, Event, JobState
from tests.simulation.farm.processes import RESTART
from tests.simulation.farm.users import FINISHED, OK
from tests.simulation.farm.world import OUTAGE
from tests.simulation.monitor import SLACK_SECONDS
from tests.simulation.waste import wasted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.analysis.evidence import JobRecord
    from tests.simulation.farm.world import World
    from tests.simulation.monitor import Monitor

TOO_LATE, EARLY_END, GROUNDLESS = "too late", "early end", "groundless"
DAY_SECONDS = 86_400.0
_LOSSES = (Event.RESCUE, Event.CRASH_LOOP)
_MOST_LOSSES, _MOST_ATTEMPTS = 3, 4
_CHAOS_CHECKS = [check for check in invariants.CHECKS if check is not invariants.failed]


def judge(world: World, monitor: Monitor) -> list[Violation]:
    """Find every broken promise of one seed."""
    found = [
        Violation(TOO_LATE, about, f"{kind} {why}")
        for kind, about, why in monitor.found
    ]
    found += [Violation("crashed", "", why) for why in world.complaints]
    found += list(foreign_leases(world))
    found += list(groundless_losses(world))
    found += list(groundless_exits(world))
    found += list(kept_by_hung_workers(world))
    gathered = gather(world)
    for check in _CHAOS_CHECKS:
        found += check(gathered)
    found += early_ends(world, gathered.rows)
    found += wasted(world, gathered.rows)
    return found


def gather(world: World) -> Evidence:
    """Read what is left, as the chaos judge wants it."""
    ground = SimpleNamespace(db=world.database)
    rows = evidence.read_rows(ground)
    left, missing = _collect_orphans(world)
    data = {key: blob for key, (blob, _) in world.blobs.data.items()}
    return Evidence(
        submissions=world.records.submissions,
        actions=[*world.records.actions, *requested_with_forks(rows)],
        rows=rows,
        events=evidence.read_events(ground),
        weights=evidence.read_weights(ground, rows),
        results=data,
        pictures={},
        children=world.children,
        counts=evidence.read_counts(ground),
        orphan_keys=left,
        missing_checkpoints=sorted(set(missing) - world.damaged),
    )


def requested_with_forks(rows: list[JobRecord]) -> Iterator[RequestedAction]:
    """List the requests to finish that came with the request for a fork."""
    for row in rows:
        if row.name is not None and row.name.startswith(FINISHED):
            yield RequestedAction(row.id, "finish", OK, 0.0)


def _collect_orphans(world: World) -> tuple[list[str], list[str]]:
    """Let the collector run as it would days later."""
    storage = world.blobs
    later = SimpleNamespace(time=lambda: world.latest_time() + 2 * DAY_SECONDS)
    collector = OrphanCollector(world.database, storage, DAY_SECONDS, later)
    while collector.collect_batch():
        continue
    there = list(world.blobs.data)
    with world.database.read() as session:
        left = unreferenced_keys(session, there)
        named = set(session.scalars(select(Checkpoint.key)))
    return left, sorted(named - set(there))


def foreign_leases(world: World) -> Iterator[Violation]:
    """Nobody renews a lease but the worker that holds it."""
    for job_id, process in world.foreign_leases:
        yield Violation(DOUBLED, job_id, f"{process} renewed the lease of another")


def groundless_losses(world: World) -> Iterator[Violation]:
    """No job is taken from a worker that nothing has happened to."""
    settings = world.settings
    least = 3 * settings.lease_seconds + 2 * settings.rescue_seconds
    holders: dict[tuple[str, int], str] = {}
    claims: dict[tuple[str, int], float] = {}
    for change in world.changes:
        if change.event == Event.CLAIM:
            holders[change.job_id, change.fence] = change.by
            claims[change.job_id, change.fence] = change.at
        if change.event not in _LOSSES:
            continue
        holder = holders.get((change.job_id, change.fence - 1), "")
        claimed_at = claims.get((change.job_id, change.fence - 1), 0.0)
        window = max(least, change.at - claimed_at)
        has_worked = any(
            worker == holder and at >= claimed_at
            for _, at, worker in world.engine.done.get(change.job_id, ())
        )
        if any(one.process == holder and one.was_sick for one in world.losses):
            continue  # it hung since before it took the job
        names = {holder, "", OUTAGE}
        if change.is_held:
            names = {holder, ""}  # who holds a job gets time after an outage
        elif has_worked:
            names = {holder}  # a living worker gives no job up
        if not world.was_touched(names, change.at, window):
            why = f"{change.event} at {change.at:.0f}, and nothing happened to {holder}"
            yield Violation(GROUNDLESS, change.job_id, why)


def groundless_exits(world: World) -> Iterator[Violation]:
    """The watchdog replaces no process that is at work and well.

    An idle one loses nothing, and may be deaf for all it knows: notifications are lost,
    or taken by a worker whose device the job excludes. That due jobs are claimed in
    time is judged by the monitor.
    """
    for loss in world.losses:
        if loss.code == RESTART and not loss.was_sick and loss.job_id is not None:
            why = f"replaced at {loss.at:.0f}, and it was well"
            yield Violation(GROUNDLESS, loss.process, why)


def kept_by_hung_workers(world: World) -> Iterator[Violation]:
    """A hung worker's job is taken from it before its watchdog replaces it.

    The watchdog leaves two leases for that. Nothing is asked of a farm that was not
    well for so long that it may have had no leader.
    """
    rounds = LEADERSHIP_ROUNDS + 1
    least = rounds * world.settings.rescue_seconds + SLACK_SECONDS
    for loss in world.losses:
        was_hung = loss.code == RESTART and loss.process in world.engine.hung
        if not was_hung or loss.quiet_seconds < least:
            continue
        before = [
            one
            for one in world.changes
            if one.job_id == loss.job_id and one.at <= loss.at
        ]
        claims = [one.by for one in before if one.event == Event.CLAIM]
        if claims and claims[-1] == loss.process and before[-1].state in LEASED:
            why = f"{loss.process} hung, and kept it until {loss.at:.0f}"
            yield Violation(TOO_LATE, before[-1].job_id, why)


def early_ends(world: World, rows: list[JobRecord]) -> Iterator[Violation]:
    """A job fails only after the stated number of losses or attempts."""
    for row in rows:
        if row.state == JobState.EXPIRED:
            yield Violation(EARLY_END, row.id, "expired")
        if row.state != JobState.FAILED:
            continue
        events = [change for change in world.changes if change.job_id == row.id]
        losses = sum(change.event in _LOSSES for change in events)
        failures = sum(change.event in {Event.RETRY, Event.FAIL} for change in events)
        by_losses = row.error_code == WorkerLost.code and losses >= _MOST_LOSSES
        attempts = losses + failures  # a lost attempt is one, too
        by_device = row.error_code == DeviceFailed.code and attempts >= _MOST_ATTEMPTS
        if not (by_losses or by_device):
            why = f"{row.error_code}: {row.error_message} ({losses}, {failures})"
            yield Violation(EARLY_END, row.id, why)
