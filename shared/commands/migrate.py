"""`python -m shared.commands.migrate`: migrates the database, or checks it."""

from __future__ import annotations

import argparse
import sys

from shared.db.migrate import is_current, migrate
from shared.errors import DatabaseUnavailable, UnknownSchemaRevision
from shared.settings import settings_or_exit

EXIT_PENDING = 3


def main() -> int:
    """Migrate; return 0 for current tables, 3 if --check finds old ones, else 1."""
    parser = argparse.ArgumentParser(prog="impasto migrate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    url = settings_or_exit().database_url
    try:
        if check:
            return 0 if is_current(url) else EXIT_PENDING
        migrate(url)
    except DatabaseUnavailable as error:
        sys.stderr.write(f"migrate: {error}\n")
        return 1
    except OSError as error:  # of the folder of a SQLite file
        sys.stderr.write(f"migrate: {error.filename or 'output'}: {error.strerror}\n")
        return 1
    except UnknownSchemaRevision as error:
        sys.stderr.write(f"migrate: {error}\nhint: {error.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
