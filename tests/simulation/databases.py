"""Databases of seeds: one file in memory, or one PostgreSQL, emptied for each seed."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import text

from shared.db.base import Base
from shared.db.database import Database
from shared.db.migrate import migrate


class SeedDatabase:
    """A database that is as new for every seed; its compiled statements stay."""

    def __init__(self, url: str) -> None:
        migrate(url)
        self._database = Database(url)
        self._is_sqlite = url.startswith("sqlite")
        if self._is_sqlite:
            self._file = Path(str(self._database.url.database))
            self._template = self._file.with_suffix(".template")
            shutil.copy(self._file, self._template)

    def fresh(self) -> Database:
        """Return the database without any row."""
        self._database.close()
        if self._is_sqlite:
            for suffix in ("-wal", "-shm"):
                Path(f"{self._file}{suffix}").unlink(missing_ok=True)
            shutil.copy(self._template, self._file)
        else:
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            with self._database.write() as session:
                session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        return self._database

    def close(self) -> None:
        """Close the connections."""
        self._database.close()
