"""`python -m shared.keys create --name NAME`: make a Bearer key and show it once."""

from __future__ import annotations

import argparse
import sys

from shared.db import Database
from shared.errors import DatabaseUnavailable
from shared.jobs import create_key
from shared.settings import settings_or_exit


def main() -> int:
    """Write the new key to standard output; return 1 when that was not possible."""
    parser = argparse.ArgumentParser(prog="impasto admin keys", description=__doc__)
    parser.add_argument("action", choices=["create"])
    parser.add_argument("--name", default="", help="what the key is for")
    arguments = parser.parse_args()
    database = Database(settings_or_exit().database_url)
    try:
        token = create_key(database, arguments.name)
    except DatabaseUnavailable as error:
        sys.stderr.write(f"keys: {error}\nrun 'impasto migrate' first\n")
        return 1
    finally:
        database.close()
    sys.stdout.write(f"{token}\n")
    sys.stderr.write("keep it: only its digest is stored, it is not shown again\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
