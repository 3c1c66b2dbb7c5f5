"""Results that cannot be stored yet, and how rare previews and checkpoints are."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch

from shared.db.database import Database
from shared.errors import StorageFull
from shared.settings import Settings
from shared.storage import open_storage
from tests.support.fault_injection import Moody, full_for
from tests.support.job_rows import claim, submit
from worker.attempts.artifacts import ArtifactStore, Throttle
from worker.context import WorkerContext
from worker.devices.device import cpu_device
from worker.devices.networks import NetworkCache
from worker.lease import Directive, Lease


@pytest.fixture
def db(sqlite_url):
    db = Database(sqlite_url)
    yield db
    db.close()


@pytest.fixture
def tools(db, tmp_path):
    """A worker whose storage has no room for results; it asks again after an hour."""
    settings = Settings(
        home=tmp_path, save_retry_seconds=3600, save_timeout_seconds=36_000
    )
    return WorkerContext(
        db=db,
        storage=Moody(open_storage(settings.storage_url), full_for("results/")),
        networks=NetworkCache(settings, torch.device("cpu")),
        device=cpu_device(),
        settings=settings,
        worker_id="wkr_here",
        draining=threading.Event(),
    )


@pytest.fixture
def wanted(db):
    """A claimed job whose picture is wanted as it is."""
    submit(db)
    return replace(claim(db), finish_requested=True)


def saved(tools, held):
    """Save a result, as the attempt at `held` would."""
    lease = Lease(tools.db, held, tools.settings, tools.draining)
    return ArtifactStore(tools, held, lease).save_result(".png", b"picture")


def test_a_drained_worker_that_cannot_store_a_wanted_picture_leaves_at_once(
    tools, wanted
):
    tools.draining.set()

    assert saved(tools, wanted) is Directive.DRAIN
    assert [verb for verb, _ in tools.storage.calls] == ["put"]


def test_a_drain_ends_the_wait_for_room(tools, wanted):
    drain = threading.Timer(0.2, tools.draining.set)
    drain.start()

    assert saved(tools, wanted) is Directive.DRAIN

    drain.join()
    assert [verb for verb, _ in tools.storage.calls] == ["put"]


def test_a_drained_worker_that_can_store_a_wanted_picture_does(tools, wanted):
    tools.storage.mood = lambda verb, key: None
    tools.draining.set()

    assert saved(tools, wanted).bytes == len(b"picture")


def test_patience_has_an_end(tools, wanted):
    quick = tools.settings.model_copy(
        update={"save_retry_seconds": 0.01, "save_timeout_seconds": 0.05}
    )

    with pytest.raises(StorageFull):
        saved(replace(tools, settings=quick), wanted)

    assert len(tools.storage.calls) == 6


def test_the_first_comes_at_once_or_after_one_interval(clock):
    assert Throttle(10, clock, first_is_due=True).is_due()
    later = Throttle(10, clock, first_is_due=False)
    assert not later.is_due()
    clock.advance(10)
    assert later.is_due()


@pytest.mark.parametrize(("cost", "rest"), [(0.01, 10), (0.5, 100)])
def test_a_costly_one_makes_the_next_wait_two_hundred_times_as_long(clock, cost, rest):
    pace = Throttle(10, clock, first_is_due=True)
    with pace.measure():
        clock.advance(cost)

    clock.advance(rest - 0.001)
    assert not pace.is_due()
    clock.advance(0.002)
    assert pace.is_due()
