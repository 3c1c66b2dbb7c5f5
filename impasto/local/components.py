"""The server parts: present only in a checkout or an image, always another process."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from impasto.errors import PartsMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

# What each command needs; looked for, never imported.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "serve": ("api", "shared", "flask", "granian", "PIL", "sqlalchemy"),
    "worker": ("worker", "shared", "celery", "torch"),
    "weights": ("worker", "shared", "torch"),
    "migrate": ("shared", "alembic", "sqlalchemy"),
    "admin": ("shared", "sqlalchemy"),
}
# What is missing is named by what a command wants it for, where that is not a server.
_EXTRAS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "sheet": ("drawing a sheet", ("PIL",), "pip install 'impasto[sheet]'"),
    "reproduce": ("comparing pictures", ("PIL",), "pip install 'impasto[sheet]'"),
}


def require_parts(command: str) -> None:
    """Check that what `command` runs is installed, without importing any of it.

    Args:
        command: One of serve, worker, weights, migrate, admin; or stack, for all; or
            sheet or reproduce, which need no server part.

    Raises:
        PartsMissing: Something is not; names it all.
    """
    if command in _EXTRAS:
        _require_extra(*_EXTRAS[command])
        return
    needs = _NEEDS.get(command) or sum(_NEEDS.values(), ())
    if missing := _missing(needs):
        raise PartsMissing(
            f"the server parts are not installed here (missing: {', '.join(missing)})",
            hint="'pip install impasto' brings the client only; for the server, "
            "clone the repository and run 'make setup', or use its image",
        )


def _require_extra(what: str, needs: tuple[str, ...], command: str) -> None:
    if missing := _missing(needs):
        named = ", ".join(missing)
        raise PartsMissing(
            f"{what} needs more than the client (missing: {named})",
            hint=f"run: {command}",
        )


def _missing(needs: tuple[str, ...]) -> list[str]:
    return [name for name in dict.fromkeys(needs) if find_spec(name) is None]


def module_command(module: str, *arguments: str) -> list[str]:
    """Run `module` with this Python, blind to whatever lies in the current folder."""
    return [sys.executable, "-P", "-m", module, *arguments]


def become(module: str, *arguments: str) -> NoReturn:
    """Turn this process into another module, which so gets its signals directly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ["PYTHONSAFEPATH"] = "1"  # for what the module itself starts
    command = module_command(module, *arguments)
    os.execv(command[0], command)  # noqa: S606 - a shell would take the signals
