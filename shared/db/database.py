"""Database: transactions to write and to read, and the database's clock.

SQLite serves one host, with WAL, full durability, one writer at a time, and readers
that never wait for it. PostgreSQL serves many hosts.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, create_engine, event, literal, literal_column, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from shared.db.dialects import connect_postgres, require_local_file
from shared.db.read_cache import ReadCache
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import (
        URL,
        ColumnElement,
        Engine,
        Select,
        SQLColumnExpression,
    )

_NOW = {
    "postgresql": "EXTRACT(EPOCH FROM statement_timestamp())::double precision",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
# A clock set back by less than half a length does not end running leases and waits.
CLOCK_SLACK = 1.5
_POOL = {"pool_size": 8, "max_overflow": 24}
# Of the statement timeout, so that the server's timeout comes first.
_RESPONSE_FACTOR = 4 / 3


class Database:
    """Connection pool that opens transactions, and connects at the first one.

    Args:
        url: `sqlite:///PATH` or `postgresql+psycopg://...`.
        clock: Seconds since 1970 UTC; by default the database's own clock, so that
            hosts whose clocks differ agree on every lease.
        busy_seconds: Maximum wait for a lock, in seconds; the maximum for a free
            connection is twice as long.
        fresh_seconds: Maximum age of cached query results.
        statement_seconds: Time limit of one statement on PostgreSQL.

    Raises:
        SqliteSharedByHosts: A SQLite file lies on a network file system.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] | None = None,
        busy_seconds: float = 5.0,
        fresh_seconds: float = 1.0,
        statement_seconds: float = 15.0,
    ) -> None:
        self.read_cache = ReadCache(fresh_seconds)
        self.url = make_url(url)
        self._clock = clock
        if self.url.get_backend_name() == "sqlite":
            require_local_file(Path(self.url.database or ""))
            self._write_engine = _sqlite_engine(
                self.url, "BEGIN IMMEDIATE", busy_seconds
            )
            self._read_engine = _sqlite_engine(self.url, "BEGIN", busy_seconds)
            self._row_engine = _sqlite_engine(self.url, None, busy_seconds)
        else:
            connect = partial(
                _postgres_engine,
                self.url,
                _server_options(busy_seconds, statement_seconds),
                busy_seconds,
                _RESPONSE_FACTOR * statement_seconds,
            )
            self._write_engine = self._read_engine = connect(pool_pre_ping=True)
            # Connections are not tested before each read; `read_row` tries again
            # instead.
            self._row_engine = connect(isolation_level="AUTOCOMMIT", max_overflow=0)
        self._driver_error = self._row_engine.dialect.loaded_dbapi.Error
        self._compiled: dict[Select[Any], Any] = {}
        self._now = literal_column(_NOW[self.url.get_backend_name()], Double)

    @property
    def serves_one_host(self) -> bool:
        """Return whether all processes of the farm must be on this host."""
        return self._write_engine.dialect.name == "sqlite"

    @property
    def now(self) -> ColumnElement[float]:
        """SQL expression of the statement's time, seconds since 1970 UTC."""
        if self._clock is not None:
            return literal(self._clock(), Double)
        return self._now

    def is_over(
        self, until: SQLColumnExpression[Any], seconds: Any
    ) -> ColumnElement[bool]:
        """SQL condition: a time in a row has passed, or is too far in the future.

        A time that is further ahead than 1.5 times its length was written before the
        database's clock was set back.

        Args:
            until: End of the interval, by the database's clock.
            seconds: Length of the interval that ends at `until`.
        """
        furthest: ColumnElement[float] = self.now + CLOCK_SLACK * seconds
        return (until <= self.now) | (until > furthest)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that may write; commits unless the block raises.

        Raises:
            DatabaseUnavailable: The transaction could not be opened, used or committed.
                It is unknown whether a failed commit took effect, so callers must read
                before they try again.
        """
        with (
            _translate_errors(),
            Session(self._write_engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction that only reads, and never waits for a writer.

        Raises:
            DatabaseUnavailable: The transaction could not be opened or used.
        """
        with (
            _translate_errors(),
            Session(self._read_engine, expire_on_commit=False) as session,
        ):
            yield session

    def read_row(
        self, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """Read one row or None, as the driver returns it, in the fastest way.

        The read needs no transaction, and skips most of SQLAlchemy, which takes four
        times as long as the query. If the read fails, a normal transaction is tried,
        since the server may have been restarted.

        Args:
            statement: Statement, the same object in each call, since it is compiled
                once.
            parameters: Values of its parameters.

        Raises:
            DatabaseUnavailable: The database does not respond.
        """
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = statement.compile(self._row_engine)
            self._compiled[statement] = compiled
        values: Any = parameters
        if compiled.positiontup is not None:
            values = [parameters[name] for name in compiled.positiontup]
        with _translate_errors():
            connection = self._row_engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(compiled.string, values)
                row: Sequence[Any] | None = cursor.fetchone()
                cursor.close()
            except self._driver_error as error:
                connection.invalidate(error)
            else:
                return row
            finally:
                connection.close()
        with self.read() as session:
            return session.execute(statement, parameters).one_or_none()

    def ping(self) -> None:
        """Check whether the database responds.

        Raises:
            DatabaseUnavailable: The database does not respond.
        """
        self.time()

    def time(self) -> float:
        """Return the time of the database's clock, seconds since 1970 UTC.

        Raises:
            DatabaseUnavailable: The database does not respond.
        """
        with self.read() as session:
            return float(session.scalars(select(self.now)).one())

    def close(self) -> None:
        """Close all idle connections."""
        self._write_engine.dispose()
        self._read_engine.dispose()
        self._row_engine.dispose()


@contextmanager
def _translate_errors() -> Iterator[None]:
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


def _sqlite_engine(url: URL, begin: str | None, busy_seconds: float) -> Engine:
    """Create the engine of SQLite; `begin` begins transactions, if not None."""
    engine = create_engine(
        url,
        connect_args={"timeout": busy_seconds},
        pool_timeout=2 * busy_seconds,
        **_POOL,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # `_begin` sends BEGIN
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a 202 survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    if begin is not None:

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql(begin)

    return engine


def _server_options(busy_seconds: float, statement_seconds: float) -> str:
    return (
        f"-c statement_timeout={round(1000 * statement_seconds)} "
        f"-c lock_timeout={round(1000 * busy_seconds)} "
        f"-c idle_in_transaction_session_timeout={round(2000 * statement_seconds)}"
    )


def _postgres_engine(
    url: URL,
    options: str,
    busy_seconds: float,
    response_seconds: float,
    **engine_options: Any,
) -> Engine:
    engine = create_engine(
        url,
        pool_timeout=2 * busy_seconds,
        **(_POOL | engine_options),
        connect_args={"connect_timeout": 5, "options": options},
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, args: Any, kwargs: Any) -> Any:
        return connect_postgres(*args, limit_seconds=response_seconds, **kwargs)

    return engine
