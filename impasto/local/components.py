"""Server components: checks that they are installed, and runs their modules.

Components are installed only in a checkout or an image, and run in other processes.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from impasto.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping

# Modules that each command needs; they are found, but not imported.
_DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "serve": ("api", "shared", "flask", "granian", "sqlalchemy"),
    "worker": ("worker", "shared", "celery", "torch"),
    "weights": ("worker", "shared", "torch"),
    "migrate": ("shared", "alembic", "sqlalchemy"),
    "admin": ("shared", "sqlalchemy"),
}


def require_dependencies(command: str) -> None:
    """Check that the modules of a command are installed, without importing them.

    Args:
        command: One of serve, worker, weights, migrate, admin; or farm, for all.

    Raises:
        MissingDependency: Modules are missing; the message names all of them.
    """
    dependencies = _DEPENDENCIES.get(command) or sum(_DEPENDENCIES.values(), ())
    names = dict.fromkeys(dependencies)
    if missing := [name for name in names if find_spec(name) is None]:
        raise MissingDependency(
            f"the server parts are not installed here (missing: {', '.join(missing)})",
            hint="'pip install impasto' brings the client only; for the server, "
            "clone the repository and run 'make setup', or use its image",
        )


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command of `module`, without imports from the current folder."""
    return [sys.executable, "-P", "-m", module, *arguments]


def exec_module(module: str, *arguments: str) -> NoReturn:
    """Replace this process by another module, which then gets signals directly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ["PYTHONSAFEPATH"] = "1"  # for processes that the module starts
    command = module_command(module, *arguments)
    os.execv(command[0], command)  # noqa: S606 - a shell would take the signals
