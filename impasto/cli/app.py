"""Typer application of the `impasto` command line: all commands and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from impasto import __version__
from impasto.cli.commands.actions import (
    cancel,
    change,
    extend,
    finish,
    fork,
    pause,
    remove,
    resume,
    retry,
)
from impasto.cli.commands.admin import (
    ADMIN_COMMANDS,
    KEYS_COMMANDS,
    SERVER_COMMANDS,
    WEIGHTS_COMMANDS,
)
from impasto.cli.commands.doctor import doctor
from impasto.cli.commands.estimate import estimate
from impasto.cli.commands.explore import explore
from impasto.cli.commands.jobs import download, frames, logs, ls, queue, show, watch
from impasto.cli.commands.recipe import recipe
from impasto.cli.commands.reproduce import reproduce
from impasto.cli.commands.run import demo, run, submit
from impasto.cli.commands.sheet import sheet
from impasto.cli.commands.up import up
from impasto.cli.exit_codes import error_lines
from impasto.cli.output import print_line, print_message
from impasto.errors import ImpastoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.cli.commands.admin import ServerCommand


class _CommandGroup(TyperGroup):
    """Command group that turns expected errors into a message and an exit code."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ImpastoError as error:
            for line in error_lines(error, ctx.invoked_subcommand):
                print_message(line)
            raise typer.Exit(error.exit_code) from error


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print_line(f"impasto {__version__}")
        raise typer.Exit


def make_app() -> typer.Typer:
    """Build the application; commands come in the order a newcomer needs them."""
    app = typer.Typer(
        name="impasto",
        cls=_CommandGroup,
        help="Neural style transfer on your own machines.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich would cost every command 40 ms
    )
    commands: tuple[Callable[..., None], ...] = (
        *(up, run, submit, estimate, explore, sheet),
        *(watch, show, ls, download, frames, logs, queue),
        *(cancel, pause, resume, finish),
        *(extend, fork, retry),
        *(recipe, reproduce),
        *(doctor, demo),
    )
    for command in commands:
        app.command()(command)
    app.command("set")(change)
    app.command("rm")(remove)
    app.callback()(_global_options)
    for server_command in SERVER_COMMANDS:
        server_command.add_to(app)
    keys = _group("API keys, on the server's own machine.", KEYS_COMMANDS)
    admin = _group("For the operator.", ADMIN_COMMANDS)
    admin.add_typer(keys, name="keys")
    app.add_typer(_group("The networks' weights.", WEIGHTS_COMMANDS), name="weights")
    app.add_typer(keys, name="keys")
    app.add_typer(admin, name="admin")
    return app


def _global_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print it."
        ),
    ] = False,
) -> None:
    """Neural style transfer on your own machines."""


def _group(help_text: str, commands: Sequence[ServerCommand]) -> typer.Typer:
    group = typer.Typer(help=help_text, no_args_is_help=True)
    group.callback()(lambda: None)  # else Typer drops the name of an only command
    for command in commands:
        command.add_to(group)
    return group
