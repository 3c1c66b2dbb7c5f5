"""Common parts of the operator's commands: options, errors, tables."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import typer
from psycopg.errors import UndefinedTable
from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError

from shared.db.database import Database
from shared.errors import DatabaseUnavailable, ImpastoError
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def make_app(help_text: str) -> typer.Typer:
    """Create the command line of a module, with plain help as in the client."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run_app(app: typer.Typer, command: str) -> None:
    """Run a command line; a full disk becomes a message and exit code 1."""
    try:
        app(prog_name=command)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # At exit, Python flushes stdout, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        typer.echo(f"{command}: cannot write the output: {error.strerror}", err=True)
        raise SystemExit(1) from None


@contextmanager
def opened_database(command: str) -> Iterator[Database]:
    """Open the database; an expected error becomes a message and exit code 1."""
    url = settings_or_exit().database_url
    try:
        with closing(Database(url)) as database:
            yield database
    except (ImpastoError, DatabaseError) as error:
        cause = getattr(error, "orig", error)  # without SQLAlchemy's statement
        first_line = str(cause).partition("\n")[0]
        typer.echo(f"{command}: {first_line}", err=True)
        if _lacks_tables(url, error):
            typer.echo("run 'impasto migrate' first", err=True)
        raise typer.Exit(1) from error


def _lacks_tables(url: str, error: Exception) -> bool:
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite":
        return isinstance(getattr(error, "orig", None), UndefinedTable)
    file_exists = os.access(str(parts.database), os.F_OK)
    return isinstance(error, DatabaseUnavailable) and (
        "no such table" in str(error) or not file_exists
    )


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, in lines that are never broken or cut."""
    table = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
