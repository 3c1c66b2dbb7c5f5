"""`impasto keys`: creates, lists and revokes API keys in this machine's database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from impasto.cli.options import with_options
from impasto.local.components import exec_module, require_dependencies

_SCOPES = ("read", "write", "keys")


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """Scopes and limits of a new API key; None leaves a limit to the settings."""

    name: Annotated[str, typer.Option(help="Who or what will use it.")] = ""
    owner: Annotated[str | None, typer.Option(help="Whose; default: a new owner.")] = (
        None
    )
    admin: Annotated[
        bool, typer.Option("--admin", help="It may do all, for all owners.")
    ] = False
    read_only: Annotated[
        bool, typer.Option("--read-only", help="It may only look.")
    ] = False
    keys: Annotated[
        bool, typer.Option("--keys", help="It may make more keys of its owner.")
    ] = False
    expires_days: Annotated[
        float | None, typer.Option(min=0.0, help="Default: never.")
    ] = None
    submits_per_minute: Annotated[
        int | None, typer.Option(min=0, help="0: no limit.")
    ] = None
    requests_per_minute: Annotated[
        int | None, typer.Option(min=0, help="0: no limit.")
    ] = None
    max_queued: Annotated[
        int | None, typer.Option(min=0, help="Jobs its owner may have waiting.")
    ] = None
    max_running: Annotated[
        int | None, typer.Option(min=0, help="Jobs its owner may have running.")
    ] = None

    def command_arguments(self) -> list[str]:
        """Return the arguments of `shared.commands.keys create`."""
        limits = {
            "--owner": self.owner,
            "--expires-days": self.expires_days,
            "--submits-per-minute": self.submits_per_minute,
            "--requests-per-minute": self.requests_per_minute,
            "--max-queued": self.max_queued,
            "--max-running": self.max_running,
        }
        arguments = ["--name", self.name]
        for scope in self._scopes():
            arguments += ["--scope", scope]
        for option, value in limits.items():
            arguments += [] if value is None else [option, str(value)]
        return arguments

    def _scopes(self) -> list[str]:
        if self.admin:
            return ["admin"]
        granted = {"read": True, "write": not self.read_only, "keys": self.keys}
        return [scope for scope in _SCOPES if granted[scope]]


@with_options("options", KeyOptions)
def create(options: KeyOptions) -> None:
    """Make an API key and print it, once."""
    require_dependencies("admin")
    exec_module("shared.commands.keys", "create", *options.command_arguments())


def list_all() -> None:
    """List the keys: owner, scopes, when they expire and were used last."""
    require_dependencies("admin")
    exec_module("shared.commands.keys", "list")


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id: key_...")],
) -> None:
    """Revoke a key; servers let nobody in with it after 5 seconds."""
    require_dependencies("admin")
    exec_module("shared.commands.keys", "revoke", key_id)
