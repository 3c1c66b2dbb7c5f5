"""`python -m shared.commands.keys create|list|revoke`: API keys, for the operator."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from shared.auth.api_keys import NewKey, Scope, delete_key, issue_key, query_keys
from shared.commands.operator import make_app, opened_database, print_table

if TYPE_CHECKING:
    from shared.db.models.auth import ApiKey

_DAY_SECONDS = 86400.0
_MAX_DAYS = 3660  # as of POST /v1/keys; far enough, and always a date
_TITLES = ("ID", "OWNER", "NAME", "SCOPES", "EXPIRES", "LAST USED")

app = make_app("API keys, on the server's own machine.")


def _require_owner_id(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"own_[A-Za-z0-9]{1,32}", text):
        raise typer.BadParameter(f"{text!r} is no owner's id")
    return text


def _require_days(days: float | None) -> float | None:
    if days is not None and not 0 < days <= _MAX_DAYS:
        raise typer.BadParameter(f"{days} is not from 0 to {_MAX_DAYS:,} days")
    return days


Owner = Annotated[
    str | None,
    typer.Option(help="Whose; default: a new one.", callback=_require_owner_id),
]
Days = Annotated[
    float | None, typer.Option(help="Default: never.", callback=_require_days)
]
PerMinute = Annotated[int | None, typer.Option(min=0, help="0: no limit.")]
OwnersJobs = Annotated[int | None, typer.Option(min=0, help="Jobs of its owner.")]


@app.command()
def create(  # noqa: PLR0913 - each is an option
    *,
    name: Annotated[str, typer.Option(help="Who or what will use it.")] = "",
    owner: Owner = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin",
            help="It may do all with what its owner has, and manage the keys of all "
            "owners; it does not see their jobs and pictures.",
        ),
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="It may only look.")
    ] = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="It may make more keys of its owner.")
    ] = False,
    expires_days: Days = None,
    submits_per_minute: PerMinute = None,
    requests_per_minute: PerMinute = None,
    max_queued: OwnersJobs = None,
    max_running: OwnersJobs = None,
) -> None:
    """Make an API key and print it, once."""
    if admin and (read_only or keys):
        raise typer.BadParameter(
            "--admin includes read, write and keys: leave --read-only and --keys out"
        )
    quotas = {"max_queued": max_queued, "max_running": max_running}
    granted = {Scope.READ: True, Scope.WRITE: not read_only, Scope.KEYS: keys}
    new_key = NewKey(
        name=name,
        owner_id=owner,
        scopes=frozenset(
            [Scope.ADMIN] if admin else (scope for scope in granted if granted[scope])
        ),
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
        typer.echo("its owner is new and has nothing yet: --owner names one", err=True)
    typer.echo("keep it: only its digest is stored, it is not shown again", err=True)


@app.command("list")
def list_all() -> None:
    """List the keys: owner, scopes, when they expire and were used last."""
    with opened_database("keys") as database:
        print_table(_TITLES, [_cells(key) for key in query_keys(database)])


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id: key_...")],
) -> None:
    """Revoke a key; servers let nobody in with it after 5 seconds."""
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
    app(prog_name="impasto keys")
