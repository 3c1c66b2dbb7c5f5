"""Whether anything was committed to a database, without reading any of it."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

import psycopg
from typing_extensions import override

from shared.db.dialects import connect

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from sqlalchemy import URL

Connection = TypeVar("Connection", sqlite3.Connection, "psycopg.Connection[Any]")

_TURN_SECONDS = 0.1  # a database that stands still must not hold up everybody here
_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 2.0


class Commits(ABC, Generic[Connection]):
    """Asks through a connection of its own, so that every other's commits count."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._generation = 0  # each connection counts from the same number
        self._lock = Lock()

    def mark(self) -> str | None:
        """Return a text that differs after each commit; None: it is not known."""
        if not self._lock.acquire(timeout=_TURN_SECONDS):
            return None
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._generation += 1
            return f"{self._generation}.{self._ask(self._connection)}"
        except (sqlite3.Error, psycopg.Error):
            self._close()
            return None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; asking again opens it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @abstractmethod
    def _connect(self) -> Connection: ...

    @abstractmethod
    def _ask(self, connection: Connection) -> str: ...


class CommitsToFile(Commits[sqlite3.Connection]):
    """Those to a SQLite file: https://sqlite.org/pragma.html#pragma_data_version.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._uri = f"file:{quote(str(path))}?mode=ro"

    @override
    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True, timeout=0, check_same_thread=False)

    @override
    def _ask(self, connection: sqlite3.Connection) -> str:
        return str(connection.execute("PRAGMA data_version").fetchone()[0])


class CommitsToServer(Commits["psycopg.Connection[Any]"]):
    """Those to PostgreSQL: as long as its snapshots are equal, so is what they show.

    A snapshot names the first transaction that has not begun and those that have not
    ended, https://www.postgresql.org/docs/current/functions-info.html.

    Args:
        url: Of the database.
        options: For the server, as libpq has them.
    """

    def __init__(self, url: URL, options: str) -> None:
        super().__init__()
        plain = url.set(drivername="postgresql")
        self._url, self._options = plain.render_as_string(hide_password=False), options

    @override
    def _connect(self) -> psycopg.Connection[Any]:
        return connect(
            self._url,
            limit_seconds=_ANSWER_SECONDS,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            options=self._options,
        )

    @override
    def _ask(self, connection: psycopg.Connection[Any]) -> str:
        asked = connection.execute("SELECT pg_current_snapshot()::text", prepare=True)
        return str(asked.fetchall()[0][0])
