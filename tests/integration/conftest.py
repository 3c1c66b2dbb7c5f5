"""A farm per test, on SQLite unless the test asks for both databases."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
import torch

from shared.auth.api_keys import ensure_owner
from shared.db.database import Database
from shared.jobs.submit import LOCAL_OWNER_ID
from tests.support.api_process import running_api
from tests.support.farm import Farm
from tests.support.fault_injection import Moody
from worker.context import WorkerContext
from worker.devices.device import cpu_device
from worker.devices.networks import NetworkCache


@pytest.fixture
def farm(tmp_path, sqlite_url, redis_server, weights_dir):
    farm = Farm(tmp_path, sqlite_url, redis_server.url, weights_dir)
    yield farm
    farm.close()


@pytest.fixture
def farm_on_both(tmp_path, database_url, redis_server, weights_dir):
    farm = Farm(tmp_path, database_url, redis_server.url, weights_dir)
    yield farm
    farm.close()


@pytest.fixture
def tools(farm):
    """Makes what a worker process has, with a storage of a given mood."""

    def make(mood=lambda verb, key: None, **settings):
        eager = {
            "checkpoint_seconds": 1e-6,
            "preview_seconds": 1e-6,
            "save_retry_seconds": 0.01,
            **settings,
        }
        return WorkerContext(
            db=farm.db,
            storage=Moody(farm.storage, mood),
            networks=NetworkCache(farm.settings, torch.device("cpu")),
            device=cpu_device(),
            settings=farm.settings.model_copy(update=eager),
            worker_id="wkr_here",
            draining=threading.Event(),
        )

    return make


@pytest.fixture
def live_db(database_url):
    """The database of the server, on its own clock as that of the server is."""
    database = Database(database_url)
    ensure_owner(database, LOCAL_OWNER_ID)
    yield database
    database.close()


@pytest.fixture
def serve(tmp_path, database_url):
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(
            running_api(tmp_path, database_url, **settings)
        )
