"""Monitor of the simulation: finds what should have come to pass, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

from tests.simulation.farm.clock import DatabaseClock
from tests.simulation.farm.patches import REGISTRATION_SECONDS
from tests.simulation.farm.troubles import AWAY, DATABASE, STORAGE, Trouble, Troubles
from tests.simulation.farm.world import SETTINGS
from tests.simulation.monitor import SLACK_SECONDS, Monitor

BOUND = SETTINGS["lease_seconds"] + 2 * SETTINGS["rescue_seconds"] + SLACK_SECONDS
REGISTRATION_BOUND = 2 * REGISTRATION_SECONDS + SLACK_SECONDS


def worker(name="w0", **more):
    """A worker that is well, free and registered."""
    job_id = more.pop("job_id", None)
    values = {
        "name": name,
        "slot": name,
        "device": SimpleNamespace(uuid=f"cpu-{name}"),
        "runner": SimpleNamespace(job_id=job_id, is_broken=False),
        "context": SimpleNamespace(worker_id=f"id of {name}"),
        "is_dead": False,
        "is_up": True,
        "is_sick": False,
        "is_leaving": False,
        "is_hung": False,
        "is_broken": False,
        "is_deaf": False,
        "is_subscribed": True,
    }
    return SimpleNamespace(**values | more)


def due(excluded=None):
    return ("job_1", "queued", 1, 100.0, 0.0, excluded)


def farm(*workers, jobs=(), known=("w0", "w1"), drained=()):
    """A world of workers, of rows of jobs, and of workers that are registered."""
    scheduler = SimpleNamespace(now=0.0, note=lambda who, what: None)
    rows = {"FROM jobs": [*jobs], "FROM workers": [(f"id of {one}",) for one in known]}
    return SimpleNamespace(
        settings=SimpleNamespace(**SETTINGS),
        iteration_seconds=4.0,
        scheduler=scheduler,
        quiet_since=0.0,
        database_clock=DatabaseClock(scheduler),
        troubles=Troubles(scheduler, SimpleNamespace()),
        workers=[*workers],
        drained={*drained},
        look=lambda query: next(rows[part] for part in rows if part in query),
    )


def found_after(world, seconds):
    """What the monitor finds if all stays as it is for so long."""
    monitor = Monitor(world)
    monitor.look()
    world.scheduler.now = seconds
    monitor.look()
    return [(kind, about) for kind, about, _ in monitor.found]


def test_a_worker_that_stays_unregistered_is_found():
    def forgotten():
        return farm(worker("w0"), worker("w1"), known=["w1"])

    assert found_after(forgotten(), REGISTRATION_BOUND + 1) == [
        ("not registered", "w0")
    ]
    assert found_after(forgotten(), REGISTRATION_BOUND) == []
    assert found_after(farm(worker("w0"), worker("w1")), REGISTRATION_BOUND + 1) == []


def test_nothing_is_asked_for_until_the_farm_has_been_quiet_for_so_long():
    def restless():
        world = farm(worker(), known=[])
        world.quiet_since = 10.0
        return world

    assert found_after(restless(), REGISTRATION_BOUND + 10) == []
    assert len(found_after(restless(), REGISTRATION_BOUND + 11)) == 1


def test_a_job_that_only_an_excluded_device_can_run_is_claimed_in_time():
    only = [("not claimed", "job_1")]

    assert found_after(farm(worker(), jobs=[due("cpu-w0")]), BOUND + 1) == only
    assert found_after(farm(worker(), jobs=[due("cpu-w0")]), BOUND) == []


def test_a_due_job_that_no_free_worker_claims_is_found():
    def idle(**more):
        return farm(worker(), worker("w1", job_id="job_2"), jobs=[due()], **more)

    assert found_after(idle(), BOUND + 1) == [("not claimed", "job_1")]
    assert found_after(idle(), BOUND) == []
    assert found_after(idle(drained=["w0"]), BOUND + 1) == []


def test_a_hung_worker_that_nobody_replaces_is_found():
    bound = 120 + 2 * SETTINGS["lease_seconds"] + 2 * 30 + SLACK_SECONDS
    running = ("job_1", "running", 1, None, 0.0, None)

    def hung():
        return farm(worker(is_hung=True, is_sick=True, job_id="job_1"), jobs=[running])

    assert found_after(hung(), bound + 1) == [("not replaced", "w0")]
    assert found_after(hung(), bound) == []


def test_a_job_whose_worker_is_gone_is_rescued_in_time():
    running = ("job_1", "running", 1, None, 0.0, None)

    assert found_after(farm(worker(), jobs=[running]), BOUND + 1) == [
        ("not rescued", "job_1")
    ]
    held = farm(worker(job_id="job_1"), jobs=[running])
    assert found_after(held, BOUND + 1) == []


def test_a_rescue_may_take_a_lease_more_after_an_outage_and_after_a_clock_set_back():
    lease = SETTINGS["lease_seconds"]
    running = ("job_1", "running", 1, None, 0.0, None)

    def lost(away=None, set_back=0.0):
        world = farm(worker(), jobs=[running])
        world.quiet_since = 2.0 * lease
        if away is not None:
            world.troubles.add(Trouble(DATABASE, AWAY, away))
            world.troubles.add(Trouble(STORAGE, AWAY, world.quiet_since))
        world.database_clock.set(-set_back)
        return world

    for world, leases in (
        (lost(), 2),
        (lost(away=0.9 * lease), 2),  # long over when the farm got quiet
        (lost(away=1.1 * lease), 3),
        (lost(set_back=300.0), 3),
        (lost(set_back=0.9 * lease), 2),  # leases from before have ended
        (lost(away=1.1 * lease, set_back=300.0), 4),
    ):
        assert found_after(world, BOUND + leases * lease) == []
        world.scheduler.now = 0.0
        assert found_after(world, BOUND + leases * lease + 1) != []
