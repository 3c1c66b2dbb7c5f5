"""Commands that run a module of the server, which reads their arguments."""

from __future__ import annotations

from dataclasses import dataclass

import typer  # noqa: TC002 - Typer reads it

from impasto.local.components import exec_module, require_dependencies

_ALL_ARGUMENTS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """Command that is replaced by a module of the server.

    Attributes:
        name: Name on the command line.
        help: Purpose, for the list of commands; the module defines the options.
        component: Component of the server that must be installed.
        module: Module that replaces this process.
        arguments: Arguments before those of the command line.
    """

    name: str
    help: str
    component: str
    module: str
    arguments: tuple[str, ...] = ()

    def add_to(self, app: typer.Typer) -> None:
        """Add the command to an application."""

        def run(context: typer.Context) -> None:
            require_dependencies(self.component)
            exec_module(self.module, *self.arguments, *context.args)

        app.command(self.name, help=self.help, context_settings=_ALL_ARGUMENTS)(run)


_KEYS, _WORKERS = "shared.commands.keys", "shared.commands.workers"
SERVER_COMMANDS = (
    ServerCommand(
        "serve",
        "Serve the API and the page; IMPASTO_HOST, IMPASTO_PORT, IMPASTO_API_THREADS.",
        "serve",
        "api.serve",
    ),
    ServerCommand("worker", "Run a worker per device.", "worker", "worker.supervisor"),
    ServerCommand(
        "migrate",
        "Migrate the database to this version.",
        "migrate",
        "shared.commands.migrate",
    ),
)
WEIGHTS_COMMANDS = (
    ServerCommand(
        "fetch",
        "Download and verify the weights of a network, unless they exist.",
        "weights",
        "worker.weights",
        ("fetch",),
    ),
)
KEYS_COMMANDS = tuple(
    ServerCommand(name, help_text, "admin", _KEYS, (name,))
    for name, help_text in (
        ("create", "Create an API key, and print it once."),
        ("list", "List the keys: owner, scopes, when they expire and were used last."),
        ("revoke", "Revoke a key; servers refuse it after 5 seconds at most."),
    )
)
ADMIN_COMMANDS = tuple(
    ServerCommand(name, help_text, "admin", _WORKERS, (argument,))
    for name, argument, help_text in (
        ("workers", "list", "List the workers: host, device, state, job, last seen."),
        (
            "drain",
            "drain",
            "Let workers return their jobs to the queue, and take no more.",
        ),
        ("undrain", "undrain", "Let drained workers take jobs again."),
    )
)
