"""Change token of a database: it differs after each commit, and costs no query."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

import psycopg
from typing_extensions import override

from shared.db.dialects import connect_postgres

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from sqlalchemy import URL

Connection = TypeVar("Connection", sqlite3.Connection, "psycopg.Connection[Any]")

_LOCK_SECONDS = 0.1  # a frozen database must not block all threads
_CONNECT_SECONDS = 2
_RESPONSE_SECONDS = 2.0


class ChangeToken(ABC, Generic[Connection]):
    """Reads the token through a connection of its own, so that all commits count."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._generation = 0  # each connection starts counting at the same number
        self._lock = Lock()

    def read(self) -> str | None:
        """Return a text that differs after each commit; None if it cannot be read."""
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            return None
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._generation += 1
            return f"{self._generation}.{self._query(self._connection)}"
        except (sqlite3.Error, psycopg.Error):
            self._close()
            return None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; the next read opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @abstractmethod
    def _connect(self) -> Connection: ...

    @abstractmethod
    def _query(self, connection: Connection) -> str: ...


class SqliteChangeToken(ChangeToken[sqlite3.Connection]):
    """Change token of a SQLite file.

    Source: https://sqlite.org/pragma.html#pragma_data_version

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._uri = f"file:{quote(str(path))}?mode=ro"

    @override
    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True, timeout=0, check_same_thread=False)

    @override
    def _query(self, connection: sqlite3.Connection) -> str:
        return str(connection.execute("PRAGMA data_version").fetchone()[0])


class PostgresChangeToken(ChangeToken["psycopg.Connection[Any]"]):
    """Change token of PostgreSQL: equal snapshots show equal rows.

    A snapshot names the first transaction that has not begun and those that have not
    ended, https://www.postgresql.org/docs/current/functions-info.html.

    Args:
        url: URL of the database.
        options: Options for the server, in libpq's form.
    """

    def __init__(self, url: URL, options: str) -> None:
        super().__init__()
        libpq_url = url.set(drivername="postgresql")
        self._url = libpq_url.render_as_string(hide_password=False)
        self._options = options

    @override
    def _connect(self) -> psycopg.Connection[Any]:
        return connect_postgres(
            self._url,
            limit_seconds=_RESPONSE_SECONDS,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            options=self._options,
        )

    @override
    def _query(self, connection: psycopg.Connection[Any]) -> str:
        cursor = connection.execute("SELECT pg_current_snapshot()::text", prepare=True)
        return str(cursor.fetchall()[0][0])
