"""Databases of seeds: one file in memory, or one PostgreSQL, emptied for each seed."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import text
from typing_extensions import override

from shared.db.base import Base
from shared.db.database import Database
from shared.db.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session


class WatchedDatabase(Database):
    """Database that forgets what was read past it whenever somebody may have written.

    Attributes:
        clock: Clock of the present seed.
        seen: Rows by query.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, clock=self._present)
        self.clock: Callable[[], float] = time.time
        self.seen: dict[str, list[tuple]] = {}

    def _present(self) -> float:
        return self.clock()

    @contextmanager
    @override
    def write(self) -> Iterator[Session]:
        try:
            with super().write() as session:
                yield session
        finally:
            self.seen.clear()


class SeedDatabase:
    """A database that is as new for every seed; its compiled statements stay."""

    def __init__(self, url: str) -> None:
        self._database = WatchedDatabase(url)
        self._watcher: sqlite3.Connection | psycopg.Connection | None = None
        self._is_sqlite = url.startswith("sqlite")
        if self._is_sqlite:
            self._file = Path(str(self._database.url.database))
            self._template = self._file.with_suffix(".template")
            self._remove()
        migrate(url)
        if self._is_sqlite:
            shutil.copy(self._file, self._template)

    def fresh(self) -> WatchedDatabase:
        """Return the database without any row."""
        self.close()
        if self._is_sqlite:
            self._remove()
            shutil.copy(self._template, self._file)
            self._database.seen.clear()
        else:
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            with self._database.write() as session:
                session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        return self._database

    def look(self, query: str) -> list[tuple]:
        """Read rows past the product's code, which is a hundred times as slow."""
        rows = self._database.seen.get(query)
        if rows is None:
            if self._watcher is None:
                self._watcher = self._connect()
            rows = self._watcher.execute(query).fetchall()
            self._database.seen[query] = rows
        return rows

    def _connect(self) -> sqlite3.Connection | psycopg.Connection:
        if self._is_sqlite:
            return sqlite3.connect(self._file, isolation_level=None)
        url = self._database.url.set(drivername="postgresql")
        text = url.render_as_string(hide_password=False)
        return psycopg.connect(text, autocommit=True)

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connections."""
        if self._watcher is not None:
            self._watcher.close()
        self._watcher = None
        self._database.close()
