"""PostgreSQL with an asynchronous standby that may lack the last commits."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import psutil

from chaos.farm.proxy import Proxy
from tests.support.redis_and_postgresql import running_standby

if TYPE_CHECKING:
    import signal
    from types import TracebackType

    from psycopg import Connection

    from tests.support.redis_and_postgresql import PostgresServer

_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.02


class ReplicatedPostgres:
    """Primary and asynchronous standby behind one address.

    Args:
        primary: Running server. A standby of it is created, and a new standby after
            each failover.
    """

    def __init__(self, primary: PostgresServer) -> None:
        self._primary = primary
        self._standby: PostgresServer | None = None
        self._proxy = Proxy(primary.socket)
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        self._proxy.start()
        self._undo.callback(self._proxy.stop)
        self._follow()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def url(self, name: str) -> str:
        """Return the URL of the present primary."""
        return f"postgresql+psycopg://impasto@127.0.0.1:{self._proxy.port}/{name}"

    def connect(self) -> Connection[Any]:
        """Connect to the primary, past the proxy."""
        connection: Connection[Any] = self._primary.connect()
        return connection

    def start(self) -> None:
        """Start the primary."""
        self._primary.start()

    def stop(self, number: signal.Signals) -> None:
        """Stop the primary by a signal."""
        self._primary.stop(number)

    def stop_shipping(self) -> float:
        """Stop the replication, unnoticed by the clients of the primary.

        Returns:
            Time before which every commit was replicated, in seconds since 1970.
        """
        standby = self._standby or self._follow()
        since = time.time()
        with self.connect() as primary, standby.connect() as follower:
            flushed = _ask(primary, "SELECT pg_current_wal_flush_lsn()")
            _wait_for(follower, f"SELECT pg_last_wal_replay_lsn() >= '{flushed}'")
            follower.execute("ALTER SYSTEM SET primary_conninfo = ''")
            follower.execute("SELECT pg_reload_conf()")
            _wait_for(follower, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
        return since

    def kill(self) -> None:
        """Kill all processes of the primary, as if its host had failed."""
        process = psutil.Process(self._primary.process.pid)
        for each in (process, *process.children(recursive=True)):
            each.kill()
        self._primary.process.wait()

    def promote(self) -> None:
        """Make the standby the primary, and redirect all clients to it."""
        if self._standby is None:
            raise RuntimeError("there is no standby")
        with self._standby.connect() as connection:
            connection.execute("SELECT pg_promote()")
        self._primary, self._standby = self._standby, None
        self._proxy.switch(self._primary.socket)

    def _follow(self) -> PostgresServer:
        self._standby = self._undo.enter_context(running_standby(self._primary))
        return self._standby


def _ask(connection: Connection[Any], question: str) -> Any:
    row = connection.execute(question).fetchone()
    return None if row is None else row[0]


def _wait_for(connection: Connection[Any], question: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _ask(connection, question):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the standby does not follow: {question}")
        time.sleep(_LOOK_SECONDS)
