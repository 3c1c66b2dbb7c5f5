"""Databases for benchmarks: an SQLite file, and a separate PostgreSQL server."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.redis_and_postgresql import postgresql_folder, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def sqlite() -> Iterator[str]:
    """Yield the URL of a new SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite'}"


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the URL of an empty database.

    Raises:
        SystemExit: PostgreSQL is not installed.
    """
    programs = postgresql_folder()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    with running_postgresql(programs) as server:
        yield server.url(server.create_database())
