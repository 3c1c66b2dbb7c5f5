"""Common parts of the operator's commands: options, errors, tables."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

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
    database = Database(settings_or_exit().database_url)
    try:
        yield database
    except ImpastoError as error:
        typer.echo(f"{command}: {error}", err=True)
        if isinstance(error, DatabaseUnavailable):
            typer.echo("run 'impasto migrate' first", err=True)
        raise typer.Exit(1) from error
    finally:
        database.close()


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, in lines that are never broken or cut."""
    table = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
