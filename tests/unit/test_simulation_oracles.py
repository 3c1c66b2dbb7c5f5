"""Oracles of the simulation: each finds the record that breaks its promise."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest

from chaos.analysis.evidence import JobRecord
from tests.simulation.farm.processes import KILLED
from tests.simulation.farm.troubles import AWAY, CHANNEL, DATABASE, STORAGE, Trouble
from tests.simulation.farm.users import FINISHED, OK
from tests.simulation.farm.world import OUTAGE, SETTINGS, Change, Loss, World
from tests.simulation.oracles import (
    early_ends,
    foreign_leases,
    groundless_exits,
    groundless_losses,
    kept_by_hung_workers,
    requested_with_forks,
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
        "engine": SimpleNamespace(done={}, hung=set()),
        "iteration_seconds": 4.0,
        "processes": [
            SimpleNamespace(name=name, host=SimpleNamespace(name=f"host of {name}"))
            for name in ("w0", "w1")
        ],
        "troubles": SimpleNamespace(history=[]),
        "scheduler": SimpleNamespace(trace=[]),
        "was_touched": lambda names, at, window: any(
            one in names and begins <= at and until >= at - window
            for one, begins, until in touches
        ),
        **more,
    }
    return SimpleNamespace(**given)


def row(state, code=None, **more):
    values = dict.fromkeys(JobRecord.__slots__)
    known = {"id": "job_1", "state": state, "error_code": code}
    return JobRecord(**values | known | more)


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


@pytest.mark.parametrize(("was_sick", "count"), [(True, 0), (False, 1)])
def test_a_loss_is_not_groundless_if_the_worker_was_sick(was_sick, count):
    loss = Loss("w0", 300.0, 75, was_sick, "job_1")
    ended = world(changes=changes(CLAIM, RESCUE), losses=[loss])

    assert len(list(groundless_losses(ended))) == count


def leases_seen(*looks):
    """What a world notes of the rows (job, lease, holder) after each transaction."""
    rows = iter([list(look) for _, look in looks])
    seen = SimpleNamespace(_leases={}, foreign_leases=[], look=lambda _: next(rows))
    for name, _ in looks:
        by = SimpleNamespace(name=name, worker_id=f"id of {name}")
        World.watch_leases(seen, by)
    return list(foreign_leases(seen))


def test_a_lease_that_another_than_its_holder_renews_is_found():
    claimed = ("w0", [("job_1", 60.0, "id of w0")])
    foreign = ("w1", [("job_1", 80.0, "id of w0")])
    nobody = ("w0", [("job_1", 80.0, None)])

    for renewed in [foreign, nobody]:
        assert [one.what for one in leases_seen(claimed, renewed)] == ["job_1"]


WORKED = SimpleNamespace(done={"job_1": [(1, 40.0, "w0")]})
IDLE = SimpleNamespace(done={"job_1": [(1, 40.0, "w1")]})


@pytest.mark.parametrize(
    ("hit", "engine", "is_held", "count"),
    [
        (OUTAGE, IDLE, False, 0),
        (OUTAGE, WORKED, False, 1),
        ("", WORKED, False, 1),
        (OUTAGE, IDLE, True, 1),
        ("", WORKED, True, 0),
    ],
    ids=[
        "an outage may keep a worker from beginning",
        "in an outage a worker keeps its job",
        "in other trouble, too",
        "who holds a job gets time after an outage",
        "other trouble may take a job from its holder",
    ],
)
def test_a_loss_is_not_groundless_after_the_trouble_that_may_lead_to_it(
    hit, engine, is_held, count
):
    made = changes(CLAIM, RESCUE)
    made[1].is_held = is_held
    troubled = world(changes=made, engine=engine, touches=[(hit, 30.0, 50.0)])

    assert len(list(groundless_losses(troubled))) == count


HUNG = SimpleNamespace(done={}, hung={"w0"})


def replaced_hung_worker(*events, **more):
    """A world in which a watchdog replaced w0, which had hung in a calm farm."""
    values = {"process": "w0", "at": 150.0, "code": 75, "job_id": "job_1"}
    values |= {"was_sick": True, "quiet_seconds": 1000.0}
    engine = more.pop("engine", HUNG)
    loss = Loss(**values | more)
    return world(changes=changes(*events), losses=[loss], engine=engine)


def test_a_job_that_a_hung_worker_kept_until_its_end_is_found():
    kept = replaced_hung_worker(CLAIM)

    assert [one.what for one in kept_by_hung_workers(kept)] == ["job_1"]


def test_a_job_that_was_taken_from_a_hung_worker_is_not_found():
    again = ("claim", "running", 3, "w1")
    for events in [(CLAIM, RESCUE), (CLAIM, RESCUE, again)]:
        taken = replaced_hung_worker(*events, at=250.0)
        assert list(kept_by_hung_workers(taken)) == []

    too_late = replaced_hung_worker(CLAIM, RESCUE, at=50.0)
    assert len(list(kept_by_hung_workers(too_late))) == 1


def test_a_well_process_that_is_replaced_is_found():
    losses = [
        Loss("w0", 1.0, 75, was_sick=False, job_id="job_1"),
        Loss("w1", 2.0, 75, was_sick=True, job_id="job_1"),
        Loss("w2", 3.0, 75, was_sick=False, job_id=None),
    ]

    found = list(groundless_exits(world(losses=losses)))

    assert [one.what for one in found] == ["w0"]


def test_a_job_that_fails_after_too_few_losses_is_found():
    losses = [("rescue", "queued", n, "w1") for n in range(3)]
    twice, thrice = world(changes=changes(*losses[:2])), world(changes=changes(*losses))

    assert len(list(early_ends(twice, [row("failed", "worker-lost")]))) == 1
    assert list(early_ends(thrice, [row("failed", "worker-lost")])) == []
    assert len(list(early_ends(thrice, [row("failed", "engine-error")]))) == 1


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


def work_of_two(first, again, **more):
    """A world in which w0 lost a job and w1 did iterations of it again.

    w0 does all of `first` from 0 s on, each in 4 s, and is gone at `lost_at`; w1 does
    `again` from 300 s on.
    """
    lost_at, parent = more.pop("lost_at", 80.0), more.pop("job_id", "job_1")
    made = [
        Change(0, parent, "claim", "running", 1, 0.0, "w0"),
        Change(1, parent, "rescue", "queued", 2, lost_at, "w1"),
        Change(2, parent, "claim", "running", 3, 299.0, "w1"),
        Change(3, parent, "complete", "succeeded", 3, 500.0, "w1"),
    ]
    done_by_both = [(iteration, 4.0 * n, "w0") for n, iteration in enumerate(first)]
    done_by_both += [(one, 300 + 4.0 * n, "w1") for n, one in enumerate(again)]
    engine = SimpleNamespace(done={parent: done_by_both}, hung=set())
    touches = more.pop("touches", [("w0", 78.0, 78.0)])
    return world(engine=engine, changes=made, touches=touches, **more)


def is_wasted(played, *rows):
    return bool(list(wasted(played, rows or [row("succeeded")])))


ALL, MOST_AGAIN = range(1, 21), 8  # a checkpoint may lie 7 iterations back


def test_one_fault_allows_one_distance_of_checkpoints_and_one():
    assert not is_wasted(work_of_two(ALL, range(21 - MOST_AGAIN, 21)))
    assert is_wasted(work_of_two(ALL, range(20 - MOST_AGAIN, 21)))


def trouble(resource, since, until, **more):
    values = {"since": since, "hang_seconds": 10.0, **more}
    return SimpleNamespace(history=[Trouble(resource, AWAY, until, **values)])


def settings(**more):
    return SimpleNamespace(**SETTINGS | more)


def test_work_from_before_an_outage_is_waste():
    late = trouble(DATABASE, 60.0, 78.0)

    assert is_wasted(work_of_two(ALL, range(6, 21), troubles=late))


def test_work_from_after_an_outage_is_waste():
    first, early = range(1, 19), trouble(DATABASE, 0.0, 4.0)
    slow = settings(heartbeat_seconds=60)

    assert is_wasted(
        work_of_two(first, first, lost_at=70.0, troubles=early, settings=slow)
    )


def test_work_done_again_in_an_outage_is_waste():
    second = trouble(DATABASE, 300.0, 1000.0)

    assert is_wasted(work_of_two(ALL, range(6, 21), troubles=second))


@pytest.mark.parametrize(
    ("resource", "lost_at", "expected"),
    [
        (DATABASE, 117.0, False),
        (DATABASE, 118.0, True),  # 78 + 10 s, heartbeat 20 s, 2 iterations of 4.8 s
        (STORAGE, 137.0, False),
        (STORAGE, 138.0, True),  # 78 + 10 s, checkpoints every 40 s, the same
    ],
)
def test_a_worker_that_outlives_an_outage_makes_up_for_it(resource, lost_at, expected):
    lost = work_of_two(
        range(1, 21),
        range(4, 21),
        lost_at=lost_at,
        troubles=trouble(resource, 0.0, 78.0),
        settings=settings(heartbeat_seconds=20, checkpoint_seconds=40),
    )

    assert is_wasted(lost) is expected


@pytest.mark.parametrize(("host", "expected"), [("w0", False), ("w1", True)])
def test_an_outage_excuses_only_the_host_that_it_hits(host, expected):
    cut_off = trouble(DATABASE, 20.0, 78.0, host=f"host of {host}")

    assert is_wasted(work_of_two(ALL, range(6, 21), troubles=cut_off)) is expected


def test_an_outage_of_the_channel_excuses_no_work():
    silent = trouble(CHANNEL, 20.0, 78.0)

    assert is_wasted(work_of_two(ALL, range(6, 21), troubles=silent))


@pytest.mark.parametrize(
    ("touch", "expected"),
    [
        (("w0", 40.0, 40.0), False),
        (("", 40.0, 45.0), False),
        ((OUTAGE, 40.0, 45.0), False),
        (("w7", 40.0, 40.0), True),
        (("w0", 200.0, 200.0), True),
        (("w1", 40.0, 40.0), True),
    ],
    ids=["w0", "all", "an outage", "another", "w0 after its work", "w1 before its own"],
)
def test_faults_of_a_job_are_those_that_hit_its_workers_at_work(touch, expected):
    assert is_wasted(work_of_two(ALL, [20], touches=[touch])) is expected


def test_a_fault_of_the_channel_is_none_of_a_job():
    silent = {"touches": [("", 40.0, 45.0)], "troubles": trouble(CHANNEL, 40.0, 45.0)}

    assert is_wasted(work_of_two(ALL, [20], **silent))


@pytest.mark.parametrize(("code", "expected"), [(KILLED, False), (75, True)])
def test_the_end_that_a_fault_leads_to_is_no_other_fault(code, expected):
    losses = [Loss("w0", 78.0, code, was_sick=True, job_id="job_1")]

    assert is_wasted(work_of_two(ALL, [20], losses=losses)) is expected


PARENT, CHILD = row("succeeded"), row("succeeded", id="job_2", parent_id="job_1")


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        (set(), True),
        ({"checkpoints/job_3/1-a"}, True),
        ({"checkpoints/job_2/1-a"}, False),
        ({"checkpoints/job_1/1-a"}, False),
    ],
    ids=["none", "of another job", "of the child", "of its parent"],
)
def test_a_damaged_checkpoint_of_a_job_or_of_its_parent_is_a_fault(damaged, expected):
    child = work_of_two(ALL, [20], job_id="job_2", touches=[], damaged=damaged)

    assert is_wasted(child, PARENT, CHILD) is expected


@pytest.mark.parametrize("second", ["checkpoints/job_1/1-b", "checkpoints/job_2/1-b"])
def test_a_child_whose_checkpoints_are_all_damaged_may_begin_at_the_beginning(second):
    long, first = range(1, 31), "checkpoints/job_1/1-a"
    one = work_of_two(long, long, job_id="job_2", damaged={first})
    two = work_of_two(long, long, job_id="job_2", damaged={first, second})

    assert is_wasted(one, PARENT, CHILD)
    assert not is_wasted(two, PARENT, CHILD)


def test_a_fork_that_only_makes_a_picture_was_asked_to_finish():
    forks = [row("succeeded", id="job_3", name=FINISHED), row("succeeded", name="x")]

    assert [
        (one.job_id, one.verb, one.status) for one in requested_with_forks([*forks])
    ] == [("job_3", "finish", OK)]


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
