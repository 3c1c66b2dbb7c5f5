"""The simulation: it replays, shortens, and finds what breaks a promise."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.auth.api_keys import ensure_owner
from shared.maintenance import loop
from tests.simulation import play as playing
from tests.simulation.farm.databases import SeedDatabase
from tests.simulation.farm.world import World
from tests.simulation.faults import LEAST_FAULTS, LEAST_JOBS, Step, draw_plan
from tests.simulation.play import play
from tests.simulation.report import describe_violation, shorten
from worker import lease as worker_lease

ROOT = Path(__file__).parents[2]
SEED = 1
LONELY = (Step(1.0, "submit", 7), Step(8.0, "kill", 3))  # one job, one dead worker


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = SeedDatabase(f"sqlite:///{tmp_path_factory.mktemp('seeds')}/a.sqlite")
    yield made
    made.close()


@pytest.fixture(scope="module")
def outcome(home):
    return play(SEED, home)


@pytest.fixture
def nobody_rescues(monkeypatch):
    """Leases end without a rescue, and the farm need not settle for long to see it."""
    monkeypatch.setattr(loop, "requeue_expired_leases", lambda db: [])
    monkeypatch.setattr(playing, "SETTLE_SECONDS", 400.0)


def test_a_seed_breaks_no_promise(outcome):
    assert outcome.violations == ()
    assert outcome.jobs >= LEAST_JOBS
    assert sum(outcome.faults.values()) >= LEAST_FAULTS


def test_a_seed_breaks_no_promise_on_postgresql(postgresql):
    home = SeedDatabase(postgresql.url(postgresql.create_database()))

    outcome = play(4, home)
    home.close()

    assert outcome.violations == ()


def test_a_seed_plays_the_same_again_whatever_the_hash_seed(outcome):
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--replay", str(SEED)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"trace {outcome.digest[:16]}" in done.stdout


def test_what_was_read_before_a_write_is_read_again(home):
    database, query = home.fresh(), "SELECT id FROM owners"

    before = [home.look(query), home.look(query)]
    ensure_owner(database, "own_1")

    assert before[0] is before[1]
    assert (before[0], home.look(query)) == ([], [("own_1",)])


def test_a_seed_leaves_nothing_of_its_world(home):
    for seed in (1, 2):
        play(seed, home, LONELY)
    gc.collect()

    worlds = [one.seed for one in gc.get_objects() if type(one) is World]
    assert worlds == [2]  # whose clock the database still has


def test_another_seed_plays_otherwise_even_the_same_plan(home):
    assert draw_plan(1) != draw_plan(2)
    assert play(1, home, LONELY).digest != play(2, home, LONELY).digest


@pytest.mark.usefixtures("nobody_rescues")
def test_a_job_that_nobody_rescues_is_found(home):
    kinds = {one.kind for one in play(1, home, LONELY).violations}

    assert {"too late", "stuck"} <= kinds


def test_a_job_that_is_taken_from_a_healthy_worker_is_found(home, monkeypatch):
    monkeypatch.setattr(worker_lease.Lease, "_renew", lambda self: None)

    outcome = play(1, home, LONELY[:1], iteration_seconds=30.0)

    assert any(one.kind == "groundless" for one in outcome.violations)


@pytest.mark.usefixtures("nobody_rescues")
def test_a_violation_is_shortened_to_what_leads_to_it(home):
    submit, kill = LONELY
    plan = (submit, Step(1.0, "host clock", 5), kill)

    shorter, shortest = shorten(play(1, home, plan), plan, home)

    assert shorter == LONELY
    text = "\n".join(describe_violation(shortest, shorter))
    assert "not rescued" in text
    assert "STEP" in text
