"""A virtual environment for each peer, which sees our torch instead of its own.

So that the same torch is compared, and no gigabytes are copied.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OURS = "ours.pth"


class NotInstalled(Exception):
    """A package could not be had."""


def python_with(packages: Sequence[str], folder: Path) -> Path:
    """Make the environment, once, and install what is not there.

    Returns:
        Its interpreter.

    Raises:
        NotInstalled: With the last line that pip said.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, symlinks=True, with_pip=False)
        _let_see_ours(python)
    if packages:
        _install(packages, python)
    return python


def _install(packages: Sequence[str], python: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*pip, "install", *options, *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled((done.stderr.strip().splitlines() or ["no word"])[-1])


def _let_see_ours(python: Path) -> None:
    """Add our packages behind its own; its own come first."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = python.parents[1] / "lib" / version / "site-packages"
    (site / _OURS).write_text(sysconfig.get_path("purelib") + "\n")
