"""Bring the database to this version, with a copy of a SQLite file kept first."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import StackError
from impasto.local.components import module_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PENDING = 3  # `python -m shared.db.migrate --check` exits with it
_TIMEOUT_SECONDS = 600
_LINES_SHOWN = 8  # a traceback says what is wrong at its end
_SQLITE_FILE = re.compile(r"sqlite(?:\+\w+)?:///([^?]+)")  # with or without its driver


def migrate(
    home: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Run the pending migrations, if any.

    Raises:
        StackError: It cannot be checked or migrated; holds the end of the output.
    """
    path = sqlite_path(home, environment)
    # Asked first: whoever looks into a SQLite file that is not there makes one.
    is_old = path is not None and path.exists()
    check = _run("--check", environment)
    if check.returncode == 0:
        return
    if check.returncode != _PENDING:
        raise _failed("check", check)
    if path is not None and is_old:
        say(f"database: a copy is kept in {back_up(path, home / 'backups')}")
    done = _run(None, environment)
    if done.returncode != 0:
        raise _failed("migrate", done)


def sqlite_path(home: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the file of the database; None when a server has it."""
    url = environment.get("IMPASTO_DATABASE_URL")
    if not url:
        return home / "impasto.sqlite"
    found = _SQLITE_FILE.match(url)
    return Path(found[1]) if found else None


def back_up(database: Path, folder: Path) -> Path:
    """Copy a SQLite file, with what its journal still holds, and return the copy."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = folder / f"{database.stem}-{moment}.sqlite"
    with (
        closing(sqlite3.connect(database)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def _run(
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
        start_new_session=True,  # a terminal's Ctrl-C would cut a migration in two
    )


def _failed(step: str, run: subprocess.CompletedProcess[str]) -> StackError:
    lines = (run.stdout + run.stderr).strip().splitlines()
    said = "\n".join(f"  | {line}" for line in lines[-_LINES_SHOWN:])
    return StackError(f"cannot {step} the database (exit {run.returncode})\n{said}")
