"""Databases of seeds: one file in memory, or one PostgreSQL, emptied for each seed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import psycopg
from sqlalchemy import text

from shared.db.base import Base
from shared.db.database import Database
from shared.db.migrate import migrate


class SeedDatabase:
    """A database that is as new for every seed; its compiled statements stay."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._watcher: sqlite3.Connection | psycopg.Connection | None = None
        self._is_sqlite = url.startswith("sqlite")
        if self._is_sqlite:
            self._file = Path(str(self._database.url.database))
            self._template = self._file.with_suffix(".template")
            self._remove()
        migrate(url)
        if self._is_sqlite:
            shutil.copy(self._file, self._template)

    def fresh(self) -> Database:
        """Return the database without any row."""
        self.close()
        if self._is_sqlite:
            self._remove()
            shutil.copy(self._template, self._file)
        else:
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            with self._database.write() as session:
                session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        return self._database

    def look(self, query: str) -> list[tuple]:
        """Read rows past the product's code, which is a hundred times as slow."""
        if self._watcher is None:
            self._watcher = self._connect()
        return self._watcher.execute(query).fetchall()

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
