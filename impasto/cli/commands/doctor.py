"""`impasto doctor`: finds problems of this machine's farm, and prints next steps."""

from __future__ import annotations

import subprocess

import typer

from impasto.cli.exit_codes import ERROR
from impasto.cli.output import print_line, print_message
from impasto.cli.session import ApiUrl, connect
from impasto.errors import ImpastoError, MissingDependency
from impasto.local.components import module_command, require_dependencies

_WRONG_SETTINGS = 2  # exit code; the next part would report the same
_PARTS = {"admin": "shared.commands.doctor", "weights": "worker.doctor"}


def doctor(api_url: ApiUrl = None) -> None:
    """Check the farm, and the database, Redis, storage, device and weights here."""
    is_up, failed = _check_farm(api_url)
    for component, module in _PARTS.items():
        try:
            require_dependencies(component)
        except MissingDependency as error:
            print_message(f"not checked: {error}")
            continue
        options = ["--farm-is-up"] if is_up and component == "admin" else []
        command = module_command(module, *options)
        code = subprocess.run(command, check=False).returncode  # noqa: S603
        failed |= code != 0
        if code == _WRONG_SETTINGS:
            break
    if failed:
        raise typer.Exit(ERROR)


def _check_farm(api_url: str | None) -> tuple[bool, bool]:
    """Print whether a farm responds; return this, and whether it has no workers."""
    try:
        with connect(api_url) as client:
            queue = client.queue()
            count = queue["workers"]
            word = "ok   " if count else "WRONG"
            workers = "1 worker" if count == 1 else f"{count} workers"
            print_line(f"{word} farm      {client.base_url}, {workers}")
            if not count:
                print_line(
                    "      start one: impasto worker; look at its log if it ends"
                )
    except ImpastoError as error:
        print_line(f"-     farm      {error}")
        return False, False
    return True, not count
