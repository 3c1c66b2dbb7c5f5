"""Oracles of the simulation: each finds the record that breaks its promise."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest

from chaos.analysis.evidence import JobRecord
from tests.simulation.farm.world import SETTINGS, Change, Loss
from tests.simulation.oracles import (
    early_ends,
    groundless_exits,
    groundless_losses,
    wasted,
)
from tests.simulation.scheduler import ProcessDied, Scheduler
from tests.simulation.shrink import shrink


def world(**more):
    """A world of records only."""
    touches = more.pop("touches", [])
    given = {
        "settings": SimpleNamespace(**SETTINGS),
        "changes": [],
        "losses": [],
        "touches": touches,
        "damaged": set(),
        "engine": SimpleNamespace(done={}),
        "iteration_seconds": 4.0,
        "processes": [SimpleNamespace(name="w0", host=SimpleNamespace(name="host"))],
        "troubles": SimpleNamespace(history=[]),
        "scheduler": SimpleNamespace(trace=[]),
        "was_touched": lambda names, at, window: any(
            one in names and begins <= at and until >= at - window
            for one, begins, until in touches
        ),
        **more,
    }
    return SimpleNamespace(**given)


def row(state, code=None):
    values = dict.fromkeys(JobRecord.__slots__)
    return JobRecord(**values | {"id": "job_1", "state": state, "error_code": code})


def changes(*events):
    made = []
    for at, (event, state, fence, by) in enumerate(events):
        made.append(Change(at, "job_1", event, state, fence, 100.0 * at, by))
    return made


DICE = Random(1)  # noqa: S311 - not for secrets
CLAIM = ("claim", "running", 1, "w0")
RESCUE = ("rescue", "queued", 2, "w1")


def test_a_loss_of_a_worker_that_nothing_hit_is_groundless():
    found = list(groundless_losses(world(changes=changes(CLAIM, RESCUE))))

    assert [one.what for one in found] == ["job_1"]


def test_a_loss_after_a_fault_is_not_groundless():
    hit = world(changes=changes(CLAIM, RESCUE), touches=[("w0", 50.0, 50.0)])
    other = world(changes=changes(CLAIM, RESCUE), touches=[("w7", 50.0, 50.0)])

    assert list(groundless_losses(hit)) == []
    assert len(list(groundless_losses(other))) == 1


def test_a_well_process_that_is_replaced_is_found():
    losses = [
        Loss("w0", 1.0, 75, was_sick=False, was_idle=False),
        Loss("w1", 2.0, 75, was_sick=True, was_idle=False),
        Loss("w2", 3.0, 75, was_sick=False, was_idle=True),
    ]

    found = list(groundless_exits(world(losses=losses)))

    assert [one.what for one in found] == ["w0"]


def test_a_job_that_fails_after_too_few_losses_is_found():
    losses = [("rescue", "queued", n, "w1") for n in range(3)]
    twice, thrice = world(changes=changes(*losses[:2])), world(changes=changes(*losses))

    assert len(list(early_ends(twice, [row("failed", "worker_lost")]))) == 1
    assert list(early_ends(thrice, [row("failed", "worker_lost")])) == []
    assert len(list(early_ends(thrice, [row("failed", "engine_error")]))) == 1


def test_a_job_that_expires_is_found():
    assert len(list(early_ends(world(), [row("expired")]))) == 1


def done(*iterations):
    return [(iteration, 4.0 * n, "w0") for n, iteration in enumerate(iterations)]


def test_work_done_again_beyond_the_distance_of_checkpoints_is_found():
    engine = SimpleNamespace(done={"job_1": done(*range(1, 20), *range(1, 21))})

    found = list(
        wasted(world(engine=engine, changes=changes(CLAIM)), [row("succeeded")])
    )

    assert [one.what for one in found] == ["job_1"]


@pytest.mark.parametrize("back", [0, 1, 3])
def test_little_work_done_again_is_no_waste(back):
    engine = SimpleNamespace(done={"job_1": done(*range(1, 20), *range(20 - back, 25))})

    hit = world(engine=engine, changes=changes(CLAIM), touches=[("w0", 10.0, 10.0)])
    assert list(wasted(hit, [row("succeeded")])) == []


def test_the_scheduler_runs_in_the_order_of_time():
    scheduler, seen = Scheduler(DICE), []

    def sleeper(name, seconds):
        scheduler.sleep(seconds)
        seen.append((name, scheduler.now))

    scheduler.spawn(None, "late", lambda: sleeper("late", 3600))
    scheduler.spawn(None, "soon", lambda: sleeper("soon", 1))
    scheduler.run()

    assert seen == [("soon", 1), ("late", 3600)]


def test_a_dead_process_takes_no_further_step():
    scheduler, seen = Scheduler(DICE), []
    process = SimpleNamespace(name="w0", is_dead=False, frozen_until=0.0)

    def live():
        try:
            scheduler.sleep(10)
            seen.append("after")
        except ProcessDied:
            seen.append("died")
            raise

    scheduler.spawn(process, "main", live)
    scheduler.spawn(None, "killer", lambda: setattr(process, "is_dead", True), 5)
    scheduler.run()

    assert seen == ["died"]


def test_a_frozen_process_goes_on_when_it_thaws():
    scheduler, seen = Scheduler(DICE), []
    process = SimpleNamespace(name="w0", is_dead=False, frozen_until=100.0)

    scheduler.spawn(process, "main", lambda: seen.append(scheduler.now))
    scheduler.run()

    assert seen == [100.0]


def test_shrinking_keeps_what_is_needed():
    plan = tuple(range(30))

    assert shrink(plan, lambda left: {7, 19} <= set(left), 200) == (7, 19)
