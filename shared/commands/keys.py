"""`python -m shared.commands.keys create|list|revoke`: API keys, for the operator."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from shared.auth.api_keys import (
    MAX_KEY_DAYS,
    MAX_QUOTA,
    OWNER_ID_PATTERN,
    NewKey,
    Scope,
    delete_key,
    issue_key,
    query_keys,
)
from shared.commands.operator import make_app, opened_database, print_table, run_app
from shared.names import Name

if TYPE_CHECKING:
    from shared.db.models.auth import ApiKey

_DAY_SECONDS = 86400.0
_TITLES = ("ID", "OWNER", "NAME", "SCOPES", "EXPIRES", "LAST USED")

app = make_app("API keys, on the server's own machine.")


def _require_name(text: str) -> str:
    try:
        return TypeAdapter[str | None](Name).validate_python(text) or ""
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"]) from error


def _require_owner_id(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(OWNER_ID_PATTERN, text):
        raise typer.BadParameter(f"{text!r} is no owner's id")
    return text


def _require_days(days: float | None) -> float | None:
    if days is not None and not 0 < days <= MAX_KEY_DAYS:
        raise typer.BadParameter(f"{days} is not from 0 to {MAX_KEY_DAYS:,} days")
    return days


Owner = Annotated[
    str | None,
    typer.Option(
        help="Owner of the key; created if it does not exist. Default: a new owner.",
        callback=_require_owner_id,
    ),
]
Days = Annotated[
    float | None,
    typer.Option(
        help="Days until the key expires; default: never.", callback=_require_days
    ),
]
PerMinute = Annotated[
    int | None,
    typer.Option(min=0, max=MAX_QUOTA, help="Rate limit per minute; 0: no limit."),
]
OwnersJobs = Annotated[
    int | None, typer.Option(min=0, max=MAX_QUOTA, help="Limit of jobs of the owner.")
]


@app.command()
def create(  # noqa: PLR0913 - each is an option
    *,
    name: Annotated[
        str,
        typer.Option(help="Name of the key, such as its user.", callback=_require_name),
    ] = "",
    owner: Owner = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin",
            help="Allow everything for its owner, and management of the keys of all "
            "owners; it does not see their jobs and pictures.",
        ),
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Allow only reading.")
    ] = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="Allow new keys of its owner.")
    ] = False,
    expires_days: Days = None,
    submits_per_minute: PerMinute = None,
    requests_per_minute: PerMinute = None,
    max_queued: OwnersJobs = None,
    max_running: OwnersJobs = None,
) -> None:
    """Create an API key, and print it once."""
    quotas = {"max_queued": max_queued, "max_running": max_running}
    new_key = NewKey(
        name=name,
        owner_id=owner,
        scopes=_scopes(admin=admin, read_only=read_only, keys=keys),
        expires_in_seconds=expires_days and expires_days * _DAY_SECONDS,
        submits_per_minute=submits_per_minute,
        requests_per_minute=requests_per_minute,
        quotas={name: limit for name, limit in quotas.items() if limit is not None},
    )
    with opened_database("keys") as database:
        key, token = issue_key(database, new_key)
    typer.echo(token)
    scopes = key.scopes.replace(" ", ", ")
    typer.echo(f"{key.id} of {key.owner_id}, may {scopes}", err=True)
    if owner is None:
        typer.echo(
            "its owner is new, without jobs; use --owner for an existing owner",
            err=True,
        )
    typer.echo("store the key now: it is not shown again", err=True)


def _scopes(*, admin: bool, read_only: bool, keys: bool) -> frozenset[Scope]:
    """Return the scopes that the options of `create` stand for.

    Raises:
        typer.BadParameter: The options contradict each other.
    """
    if admin and (read_only or keys):
        raise typer.BadParameter(
            "--admin includes read, write and keys: leave --read-only and --keys out"
        )
    if admin:
        return frozenset([Scope.ADMIN])
    granted = {Scope.READ: True, Scope.WRITE: not read_only, Scope.KEYS: keys}
    return frozenset(scope for scope in granted if granted[scope])


@app.command("list")
def list_all() -> None:
    """List the keys with owner, scopes, expiry and last use."""
    with opened_database("keys") as database:
        print_table(_TITLES, [_cells(key) for key in query_keys(database)])


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key: key_...")],
) -> None:
    """Revoke a key; servers refuse it after 5 seconds at most."""
    with opened_database("keys") as database:
        delete_key(database, key)
    typer.echo(f"{key} is revoked; servers notice within 5 s", err=True)


def _cells(key: ApiKey) -> tuple[str, ...]:
    times = (_format_time(key.expires_at, "never"), _format_time(key.last_used_at, "-"))
    return (key.id, key.owner_id, key.name or "-", key.scopes, *times)


def _format_time(seconds: float | None, none: str) -> str:
    if seconds is None:
        return none
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


if __name__ == "__main__":
    run_app(app, "impasto keys")
