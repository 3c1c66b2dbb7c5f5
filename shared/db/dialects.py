"""Additions to SQLAlchemy: time limits for PostgreSQL, and a check of SQLite's file.

A PostgreSQL server ends statements that take too long. But a frozen server does not,
and TCP reports a lost host only after 15 minutes. So connections limit the time of each
response themselves.

SQLite serves one host, since its locks do not work across a network. A database on a
network file system fails when two hosts write at the same time, so it is refused before
the first connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import psycopg
from psycopg.pq import TransactionStatus
from typing_extensions import override

from shared.errors import SqliteSharedByHosts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from psycopg.abc import PQGen

Result = TypeVar("Result")

_LOST_HOST_SECONDS = 20
# https://www.postgresql.org/docs/current/libpq-connect.html; without TCP they have no
# effect.
_KEEPALIVE_OPTIONS: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": _LOST_HOST_SECONDS * 1000,  # in ms
}


class TimeLimitedConnection(psycopg.Connection[Any]):
    """Connection that is closed if a response does not arrive in time.

    Attributes:
        limit_seconds: Time limit of each response.
    """

    limit_seconds = float("inf")

    @override
    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        limit = self.limit_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # a late response would be read as the next one
            raise


def connect_postgres(
    *args: Any, limit_seconds: float, **kwargs: Any
) -> TimeLimitedConnection:
    """Connect as `psycopg.connect` does, with a time limit for each response.

    Args:
        args: Positional arguments of `psycopg.connect`.
        limit_seconds: Time limit of each response; `connect_timeout` limits connecting.
        kwargs: Keyword arguments of `psycopg.connect`.

    Raises:
        psycopg.OperationalError: The connection failed.
    """
    connection = TimeLimitedConnection.connect(*args, **(_KEEPALIVE_OPTIONS | kwargs))
    connection.limit_seconds = limit_seconds
    return connection


_NETWORK_FILE_SYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "ceph",
    "glusterfs",
    "lustre",
    "fuse.sshfs",
    "afs",
    "afpfs",
)


def require_local_file(database: Path) -> None:
    """Refuse a SQLite file on a network file system, if the system reports it.

    Raises:
        SqliteSharedByHosts: The file lies on a network file system.
    """
    kind = file_system_type(database.absolute(), psutil.disk_partitions(all=True))
    if kind.startswith(_NETWORK_FILE_SYSTEMS):
        raise SqliteSharedByHosts(f"{database} lies on a network file system ({kind})")


def file_system_type(path: Path, mounts: Iterable[Any]) -> str:
    """Return the type of the file system that `path` lies on.

    Args:
        path: Absolute path; need not exist.
        mounts: Mounted file systems, as psutil lists them.
    """
    holding = [
        (len(mount.mountpoint), mount.fstype)
        for mount in mounts
        if path.is_relative_to(mount.mountpoint)
    ]
    return max(holding, default=(0, ""))[1]
