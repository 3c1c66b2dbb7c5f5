"""Migration of the farm's database, after a backup of a SQLite file."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import FarmError
from impasto.local.components import module_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EXIT_PENDING = 3  # `python -m shared.commands.migrate --check` exits with it
_TIMEOUT_SECONDS = 600
_LINES_SHOWN = 8  # the end of a traceback has the error
_SQLITE_FILE = re.compile(r"sqlite(?:\+\w+)?:///([^?]+)")  # driver optional


def migrate(
    home: Path, environment: Mapping[str, str], report: Callable[[str], None]
) -> None:
    """Run the pending migrations, if any.

    Raises:
        FarmError: The check or the migration failed; the message has the output's end.
    """
    path = sqlite_path(home, environment)
    # Checked first, since opening a missing SQLite file creates it.
    database_exists = path is not None and path.exists()
    check = _run_migrate("--check", environment)
    if check.returncode == 0:
        return
    if check.returncode != _EXIT_PENDING:
        raise _migration_error("check", check)
    if path is not None and database_exists:
        report(f"database: a copy is kept in {back_up(path, home / 'backups')}")
    migration = _run_migrate(None, environment)
    if migration.returncode != 0:
        raise _migration_error("migrate", migration)


def sqlite_path(home: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the SQLite file of the database; None for a database server."""
    url = environment.get("IMPASTO_DATABASE_URL")
    if not url:
        return home / "impasto.sqlite"
    match = _SQLITE_FILE.match(url)
    return Path(match[1]) if match else None


def back_up(database: Path, folder: Path) -> Path:
    """Copy a SQLite file with the content of its journal, and return the copy."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    timestamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = folder / f"{database.stem}-{timestamp}.sqlite"
    copy.touch(mode=0o600)
    with (
        closing(sqlite3.connect(database)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def _run_migrate(
    flag: str | None, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    command = module_command("shared.commands.migrate", *([flag] if flag else []))
    return subprocess.run(  # noqa: S603 - our own module
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
        start_new_session=True,  # so that Ctrl-C does not interrupt a migration
    )


def _migration_error(step: str, run: subprocess.CompletedProcess[str]) -> FarmError:
    lines = (run.stdout + run.stderr).strip().splitlines()
    shown = "\n".join(f"  | {line}" for line in lines[-_LINES_SHOWN:])
    return FarmError(f"cannot {step} the database (exit {run.returncode})\n{shown}")
