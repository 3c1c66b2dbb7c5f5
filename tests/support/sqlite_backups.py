"""Backups of a SQLite database in use, made and restored as by an operator."""

from __future__ import annotations

import sqlite3
from contextlib import closing


def copy_database(source, target):
    """Copy one SQLite file over another, whoever has it open."""
    with (
        closing(sqlite3.connect(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
