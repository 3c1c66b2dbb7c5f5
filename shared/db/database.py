"""The database behind one small door: a transaction to write, one to read, its clock.

SQLite serves one host: WAL, full durability, one writer at a time, and readers that
never wait for it. PostgreSQL serves many.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, create_engine, event, literal, literal_column, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from shared.db.change_token import CommitsToFile, CommitsToServer
from shared.db.dialects import connect, require_local
from shared.db.read_cache import Notes
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, ColumnElement, Connection, Engine

_NOW = {
    "postgresql": "EXTRACT(EPOCH FROM statement_timestamp())::double precision",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
_CONNECTIONS = {"pool_size": 8, "max_overflow": 24}
_ANSWER_FACTOR = 4 / 3  # of what a statement may take: the server's word comes first


class Database:
    """Opens transactions; nothing connects before the first one.

    Args:
        url: `sqlite:///PATH` or `postgresql+psycopg://...`.
        clock: Seconds since 1970 UTC; by default the database's own clock, so that
            hosts whose clocks differ agree on every lease.
        busy_seconds: How long to wait for a lock that another holds; twice as long for
            one of the connections.
        fresh_seconds: How old may be what many ask for.
        statement_seconds: How long one statement may take on PostgreSQL.

    Raises:
        DatabaseShared: A SQLite file lies where other hosts could open it.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] | None = None,
        busy_seconds: float = 5.0,
        fresh_seconds: float = 1.0,
        statement_seconds: float = 15.0,
    ) -> None:
        self.notes = Notes(fresh_seconds)
        self.url = make_url(url)
        self._clock = clock
        self._commits: CommitsToFile | CommitsToServer
        if self.url.get_backend_name() == "sqlite":
            path = Path(self.url.database or "")
            require_local(path)
            self._commits = CommitsToFile(path)
            self._writing = _sqlite(self.url, "BEGIN IMMEDIATE", busy_seconds)
            self._reading = _sqlite(self.url, "BEGIN", busy_seconds)
        else:
            options = _options(busy_seconds, statement_seconds)
            self._commits = CommitsToServer(self.url, options)
            self._writing = self._reading = _postgresql(
                self.url, options, busy_seconds, _ANSWER_FACTOR * statement_seconds
            )
        self._now = literal_column(_NOW[self.url.get_backend_name()], Double)

    @property
    def serves_one_host(self) -> bool:
        """Whether all processes of the farm must be on this host."""
        return self._writing.dialect.name == "sqlite"

    @property
    def now(self) -> ColumnElement[float]:
        """The time of the statement it stands in, seconds since 1970 UTC."""
        if self._clock is not None:
            return literal(self._clock(), Double)
        return self._now

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that may write; commits unless the block raises.

        Raises:
            DatabaseUnavailable: It could not be opened, used or committed. Whether a
                failed commit took effect is then unknown: read before trying again.
        """
        sessions = sessionmaker(self._writing, expire_on_commit=False)
        with _translated(), sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads, and never waits for a writer.

        Raises:
            DatabaseUnavailable: It could not be opened or used.
        """
        with _translated(), Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Open one that only reads, for rows and not objects: that is quicker.

        Raises:
            DatabaseUnavailable: It could not be opened or used.
        """
        with _translated(), self._reading.connect() as connection:
            yield connection

    def commits(self) -> str | None:
        """Return a text that differs after each commit of anybody.

        It costs a hundredth of a query on SQLite, a tenth on PostgreSQL. None: it is
        not known.
        """
        return self._commits.mark()

    def ping(self) -> None:
        """See whether the database answers.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        self.time()

    def time(self) -> float:
        """Ask the database for its time, seconds since 1970 UTC.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        with self.read() as session:
            return float(session.scalars(select(self.now)).one())

    def close(self) -> None:
        """Close every idle connection."""
        self._commits.close()
        self._writing.dispose()
        self._reading.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable(f"database: {_first_line(error)}") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("database: every connection is busy") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(f"database: {_first_line(error)}") from error
        raise


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]


def _sqlite(url: URL, begin: str, busy_seconds: float) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": busy_seconds},
        pool_timeout=2 * busy_seconds,
        **_CONNECTIONS,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a 202 survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _options(busy_seconds: float, statement_seconds: float) -> str:
    return (
        f"-c statement_timeout={round(1000 * statement_seconds)} "
        f"-c lock_timeout={round(1000 * busy_seconds)} "
        f"-c idle_in_transaction_session_timeout={round(2000 * statement_seconds)}"
    )


def _postgresql(
    url: URL, options: str, busy_seconds: float, answer_seconds: float
) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=2 * busy_seconds,
        **_CONNECTIONS,
        connect_args={"connect_timeout": 5, "options": options},
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, place: Any, how: Any) -> Any:
        return connect(*place, limit_seconds=answer_seconds, **how)

    return engine
