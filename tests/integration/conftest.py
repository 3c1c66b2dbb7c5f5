"""A farm per test, on SQLite unless the test asks for both databases."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest
import torch
from sqlalchemy import select

from shared.auth.api_keys import NewKey, ensure_owner, issue_key
from shared.db.database import Database
from shared.db.models.jobs import Job
from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.settings import Settings
from tests.support.api_process import Server, running_api
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


@pytest.fixture(scope="session")
def networks(weights_dir):
    """Networks with real weights, loaded once."""
    return NetworkCache(Settings(weights_dir=weights_dir), torch.device("cpu"))


@pytest.fixture
def tools(farm, networks):
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
            networks=networks,
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


STREAM_SECONDS = 60  # of streams and held requests, unless something ends them
ORIGIN = "https://app.example"  # whose pages the servers let in


@contextmanager
def _running_with_keys(home, url):
    settings = {
        "stream_seconds": STREAM_SECONDS,
        "stream_heartbeat_seconds": 0.5,
        "origins": ORIGIN,
    }
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(url)))
        server = running_api(home, url, auth="keys", **settings)
        yield stack.enter_context(server), database


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory, migrated_sqlite):
    home = tmp_path_factory.mktemp("server")
    (home / "impasto.sqlite").write_bytes(migrated_sqlite)
    with _running_with_keys(home, f"sqlite:///{home}/impasto.sqlite") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory, postgresql):
    name = postgresql.create_database(postgresql.template)
    home = tmp_path_factory.mktemp("server")
    with _running_with_keys(home, postgresql.url(name)) as running:
        yield running


@dataclass
class Tenant:
    """One owner at a server that many tests share."""

    server: Server
    db: Database
    owner_id: str
    token: str


@pytest.fixture(params=["sqlite", "postgresql"])
def tenant(request):
    """A new owner; in the end all its jobs that wait are canceled."""
    server, database = request.getfixturevalue(f"{request.param}_server")
    key, token = issue_key(database, NewKey())
    named = server.with_headers(Authorization=f"Bearer {token}")
    yield Tenant(named, database, key.owner_id, token)
    named.client.close()
    _cancel_all(database)


@pytest.fixture
def shared_server(sqlite_server):
    """A server with keys, and its database; in the end no job waits any more."""
    yield sqlite_server
    _cancel_all(sqlite_server[1])


def _cancel_all(database):
    """Cancel what waits: else the next test would claim it instead of its own job."""
    with database.read() as session:
        waiting = session.execute(
            select(Job.owner_id, Job.id).where(Job.finished_at.is_(None))
        ).all()
    for owner_id, job_id in waiting:
        cancel(database, owner_id, job_id)


@pytest.fixture
def serve(tmp_path, database_url):
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(
            running_api(tmp_path, database_url, **settings)
        )
