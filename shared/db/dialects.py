"""Connections to PostgreSQL that wait for no answer longer than they may.

The server ends what takes too long; but one that stands still ends nothing, and of a
host that is gone TCP says so after a quarter of an hour only.

SQLite serves one host: its locks do not reach across a network.

A database file on a network file system looks as if it worked, until two hosts write
at once; so it is refused before the first connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from typing_extensions import override

from shared.errors import DatabaseShared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg.abc import PQGen

Answer = TypeVar("Answer")

_LOST_SECONDS = 20
# https://www.postgresql.org/docs/current/libpq-connect.html; without TCP they say
# nothing.
_LOST_HOST: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": _LOST_SECONDS * 1000,  # in ms
}


class Bounded(psycopg.Connection[Any]):
    """One that is closed when an answer does not come in time.

    Attributes:
        limit_seconds: For each answer.
    """

    limit_seconds = float("inf")

    @override
    def wait(
        self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None
    ) -> Answer:
        limit = self.limit_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # an answer that comes later would be to another
            raise


def connect(*place: Any, limit_seconds: float, **how: Any) -> Bounded:
    """Connect, as `psycopg.connect` does.

    Args:
        place: What it is told of where.
        limit_seconds: For each answer; not for connecting, which has `connect_timeout`.
        how: What else it is told.

    Raises:
        psycopg.OperationalError: There is no connection to be had.
    """
    connection = Bounded.connect(*place, **(_LOST_HOST | how))
    connection.limit_seconds = limit_seconds
    return connection


_MOUNTS = Path("/proc/self/mounts")
_NETWORK = ("nfs", "cifs", "smb", "ceph", "glusterfs", "lustre", "fuse.sshfs", "afs")


def require_local(database: Path) -> None:
    """Refuse a SQLite file that other hosts could open, where the system can tell.

    Raises:
        DatabaseShared: The file lies on a network file system.
    """
    try:
        mounts = _MOUNTS.read_text().splitlines()
    except OSError:
        return  # not Linux
    kind = file_system(database.absolute(), mounts)
    if kind.startswith(_NETWORK):
        raise DatabaseShared(f"{database} lies on a network file system ({kind})")


def file_system(path: Path, mounts: Iterable[str]) -> str:
    """Name the kind of file system that `path` lies on.

    Args:
        path: Absolute; need not exist.
        mounts: Lines as in /proc/self/mounts: device, folder, kind, options.
    """
    fields = (line.split() for line in mounts)
    holding = [
        (len(folder), kind)
        for _, folder, kind, *_ in fields
        if path.is_relative_to(folder.replace("\\040", " "))
    ]
    return max(holding, default=(0, ""))[1]
