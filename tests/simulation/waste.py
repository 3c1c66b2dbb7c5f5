"""Bounded waste: how often an iteration was done again, and how often it may be.

Per job: iterations done again <= faults of that job x (distance of checkpoints + 1).
Not counted are iterations that no checkpoint could keep, as docs/reliability.md says:
those of a time in which the database or the storage was away, whose worker was lost
before it could make up for that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from chaos.analysis.invariants import WASTED, Violation
from shared.states import LEASED, Event
from tests.simulation.farm.processes import KILLED
from tests.simulation.farm.troubles import CHANNEL, DATABASE, STORAGE
from tests.simulation.farm.world import LOSE, OUTAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaos.analysis.evidence import JobRecord
    from tests.simulation.farm.troubles import Trouble
    from tests.simulation.farm.world import World

RETAINED = 2  # checkpoints; if one is damaged, the one before is used
_SLOWEST = 1.2  # of the usual time of an iteration
_FASTEST = 0.8
Touch = tuple[str, float, float]  # which process, from when until when

_CHECKPOINT_OF = re.compile(r"checkpoints/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Work:
    """What one worker did of one job, under one claim."""

    worker: str
    host: str
    began: float
    ended: float
    done: tuple[tuple[int, float], ...]  # (iteration, when), in order


def wasted(world: World, rows: Sequence[JobRecord]) -> Iterator[Violation]:
    """Find jobs of which too much was done again."""
    parents = {row.id: row.parent_id for row in rows}
    touches = list(_touches(world))
    for job_id in world.engine.done:
        works = works_of(world, job_id)
        damaged = _damaged_of(world, job_id, parents)
        if damaged >= RETAINED:
            continue  # it may have had to begin at the beginning
        faults = count_faults(touches, works) + damaged
        again = count_again(world, works)
        allowed = faults * (distance(world) + 1)
        if again > allowed:
            why = f"{again} iterations done again, {faults} faults allow {allowed}"
            yield Violation(WASTED, job_id, why)


def distance(world: World) -> int:
    """Return the most iterations from one checkpoint to the next."""
    shortest = _FASTEST * world.iteration_seconds
    return ceil(world.settings.checkpoint_seconds / shortest)


def works_of(world: World, job_id: str) -> list[Work]:
    """List what was done of a job, by claim."""
    works: list[Work] = []
    hosts = {one.name: one.host.name for one in world.processes}
    done = world.engine.done[job_id]
    for worker, began, ended, until in _claims(world, job_id):
        mine = tuple(
            (iteration, at)
            for iteration, at, name in done
            if name == worker and began <= at < until
        )
        last = max([ended, *(at for _, at in mine)])
        works.append(Work(worker, hosts[worker], began, last, mine))
    return works


def _claims(world: World, job_id: str) -> list[tuple[str, float, float, float]]:
    """List who held a job: since when, until when, and when he took it again."""
    changes = [one for one in world.changes if one.job_id == job_id]
    found = []
    for place, change in enumerate(changes):
        if change.event != Event.CLAIM:
            continue
        later = changes[place + 1 :]
        ended = next((one.at for one in later if one.state not in LEASED), change.at)
        again = (one.at for one in later if (one.event, one.by) == ("claim", change.by))
        found.append((change.by, change.at, ended, next(again, float("inf"))))
    return found


def count_faults(touches: Sequence[Touch], works: Sequence[Work]) -> int:
    """Count the faults that hit a worker while it had the job, or its resources."""
    faults = {
        (name, begins)
        for work in works
        for name, begins, until in touches
        if name in {"", OUTAGE, work.worker}
        and begins <= work.ended
        and until >= work.began
    }
    return len(faults)


def _touches(world: World) -> Iterator[Touch]:
    """List all faults but those of the channel, and ends that others led to."""
    channel = {one.since for one in world.troubles.history if one.resource == CHANNEL}
    ends = {(one.process, one.at) for one in world.losses if one.code != KILLED}
    for name, begins, until in world.touches:
        if (name, begins) not in ends and (name or begins not in channel):
            yield name, begins, until
    for at, who, what in world.scheduler.trace:
        if what.startswith(f"TRAP {LOSE}"):
            yield who, at, at


def count_again(world: World, works: Sequence[Work]) -> int:
    """Count the iterations that were done again although they could have been kept."""
    done = [(at, iteration, work) for work in works for iteration, at in work.done]
    done.sort(key=lambda one: one[:2])
    last: dict[int, tuple[float, Work]] = {}
    again = 0
    for at, iteration, work in done:
        before = last.get(iteration)
        again += before is not None and not _is_unprotected(world, *before)
        last[iteration] = (at, work)
    return again


def _is_unprotected(world: World, at: float, work: Work) -> bool:
    """Whether an iteration was done in an outage that its worker's work ended in."""
    return any(
        one.host in {None, work.host}
        and one.since <= at <= one.until
        and work.ended <= one.until + _delay(world, one)
        for one in world.troubles.history
        if one.resource in {DATABASE, STORAGE}
    )


def _delay(world: World, outage: Trouble) -> float:
    """Return how long after an outage a worker makes up for what it could not store."""
    settings, iterations = world.settings, 2 * _SLOWEST * world.iteration_seconds
    if outage.resource == DATABASE:  # as soon as a heartbeat got through
        return settings.heartbeat_seconds + outage.hang_seconds + iterations
    return settings.checkpoint_seconds + outage.hang_seconds + iterations


def _damaged_of(world: World, job_id: str, parents: dict[str, str | None]) -> int:
    """Count the damaged checkpoints of a job and of those that it continues."""
    family: set[str] = set()
    one: str | None = job_id
    while one is not None:
        family.add(one)
        one = parents.get(one)
    owners = [_CHECKPOINT_OF.match(key) for key in world.damaged]
    return sum(found is not None and found[1] in family for found in owners)
