"""The command line: every command in one place, every error as an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from impasto.commands import (
    estimate,
    explore,
    farm,
    jobs,
    keys,
    operate,
    pictures,
    reproduce,
    run,
    sheet,
    verbs,
)
from impasto.errors import ImpastoError
from impasto.exits import error_lines, exit_code
from impasto.talk import say

if TYPE_CHECKING:
    from collections.abc import Callable


class _Commands(TyperGroup):
    """Commands whose expected errors end in a line and an exit code."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ImpastoError as error:
            for line in error_lines(error):
                say(line)
            raise typer.Exit(exit_code(error)) from error


def make_app() -> typer.Typer:
    """Put the commands together, in the order a newcomer needs them."""
    app = typer.Typer(
        name="impasto",
        cls=_Commands,
        help="Neural style transfer on your own machines.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich would cost every command 40 ms
    )
    commands: tuple[Callable[..., None], ...] = (
        *(
            farm.up,
            run.run,
            run.submit,
            estimate.estimate,
            explore.explore,
            sheet.sheet,
        ),
        *(jobs.watch, jobs.show, jobs.ls, jobs.download),
        *(verbs.cancel, verbs.pause, verbs.resume, verbs.finish),
        *(verbs.extend, verbs.fork, verbs.retry),
        *(pictures.recipe, reproduce.reproduce),
        *(run.demo, operate.serve, operate.worker, operate.migrate),
    )
    for command in commands:
        app.command()(command)
    app.command("set")(verbs.change)
    app.add_typer(_weights(), name="weights")
    app.add_typer(_keys(), name="keys")
    app.add_typer(_admin(), name="admin")
    return app


def _weights() -> typer.Typer:
    weights = typer.Typer(help="The networks' weights.", no_args_is_help=True)
    weights.callback()(lambda: None)  # else Typer drops the name of an only command
    weights.command("fetch")(operate.fetch_weights)
    return weights


def _keys() -> typer.Typer:
    group = typer.Typer(
        help="API keys, on the server's own machine.", no_args_is_help=True
    )
    group.command("create")(keys.create)
    group.command("list")(keys.list_all)
    group.command("revoke")(keys.revoke)
    return group


def _admin() -> typer.Typer:
    admin = typer.Typer(help="For the operator.", no_args_is_help=True)
    admin.add_typer(_keys(), name="keys")
    admin.command("workers")(operate.list_workers)
    admin.command("drain")(operate.drain)
    admin.command("undrain")(operate.undrain)
    return admin
