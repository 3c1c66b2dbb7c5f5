"""Connections to PostgreSQL that wait for no answer longer than they may.

The server ends what takes too long; but one that stands still ends nothing, and of a
host that is gone TCP says so after a quarter of an hour only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from typing_extensions import override

if TYPE_CHECKING:
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
