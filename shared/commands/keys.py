"""`python -m shared.commands.keys create|list|revoke`: API keys, for the operator."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.auth.api_keys import (
    DEFAULT_SCOPES,
    NewKey,
    Scope,
    delete_key,
    issue_key,
    query_keys,
)
from shared.db.database import Database
from shared.errors import DatabaseUnavailable, ImpastoError
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.db.models.auth import ApiKey

_DAY_SECONDS = 86400.0
_MAX_DAYS = 3660  # as of POST /v1/keys; far enough, and always a date
_QUOTAS = ("max_queued", "max_running")
_TITLES = ("ID", "OWNER", "NAME", "SCOPES", "EXPIRES", "LAST USED")


def main() -> int:
    """Run the command; return 1 if it fails."""
    arguments = _parser().parse_args()
    database = Database(settings_or_exit().database_url)
    try:
        _ACTIONS[arguments.action](database, arguments)
    except DatabaseUnavailable as error:
        sys.stderr.write(f"keys: {error}\nrun 'impasto migrate' first\n")
        return 1
    except ImpastoError as error:
        sys.stderr.write(f"keys: {error}\n")
        return 1
    finally:
        database.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="impasto keys", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create")
    create.add_argument("--name", default="", help="what the key is for")
    create.add_argument(
        "--owner", type=_owner_id, help="whose: own_...; default: a new owner"
    )
    create.add_argument(
        "--scope", action="append", choices=[*Scope], help="what it may do"
    )
    create.add_argument("--expires-days", type=_days, help="default: never")
    for name in ("submits-per-minute", "requests-per-minute"):
        create.add_argument(f"--{name}", type=int, help="0: no limit")
    for name in ("max-queued", "max-running"):
        create.add_argument(f"--{name}", type=int, help="jobs of its owner")
    actions.add_parser("list")
    actions.add_parser("revoke").add_argument("key", help="its id")
    return parser


def _owner_id(text: str) -> str:
    if not re.fullmatch(r"own_[A-Za-z0-9]{1,32}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no owner's id")
    return text


def _days(text: str) -> float:
    days = float(text)  # argparse reports what is not a number
    if not 0 < days <= _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {_MAX_DAYS:,} days")
    return days


def _create(database: Database, arguments: argparse.Namespace) -> None:
    quotas = {name: getattr(arguments, name) for name in _QUOTAS}
    scopes = frozenset(map(Scope, arguments.scope or DEFAULT_SCOPES))
    days = arguments.expires_days
    new_key = NewKey(
        name=arguments.name,
        owner_id=arguments.owner,
        scopes=scopes,
        expires_in_seconds=days and days * _DAY_SECONDS,
        submits_per_minute=arguments.submits_per_minute,
        requests_per_minute=arguments.requests_per_minute,
        quotas={name: limit for name, limit in quotas.items() if limit is not None},
    )
    key, token = issue_key(database, new_key)
    sys.stdout.write(f"{token}\n")
    sys.stderr.write(
        f"{key.id} of {key.owner_id}, may {key.scopes.replace(' ', ', ')}\n"
        "keep it: only its digest is stored, it is not shown again\n"
    )


def _list(database: Database, _arguments: argparse.Namespace) -> None:
    rows = [_TITLES, *(_cells(key) for key in query_keys(database))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{'  '.join(cells).rstrip()}\n")


def _revoke(database: Database, arguments: argparse.Namespace) -> None:
    delete_key(database, arguments.key)
    sys.stderr.write(f"{arguments.key} is revoked; servers notice within 5 s\n")


def _cells(key: ApiKey) -> Sequence[str]:
    times = (_format_time(key.expires_at, "never"), _format_time(key.last_used_at, "-"))
    return (key.id, key.owner_id, key.name or "-", key.scopes, *times)


def _format_time(seconds: float | None, none: str) -> str:
    if seconds is None:
        return none
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


_ACTIONS: dict[str, Callable[[Database, argparse.Namespace], None]] = {
    "create": _create,
    "list": _list,
    "revoke": _revoke,
}

if __name__ == "__main__":
    sys.exit(main())
