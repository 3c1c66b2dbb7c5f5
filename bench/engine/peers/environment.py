"""Virtual environment for each peer, with the torch of this environment.

So all engines use the same torch, and it is not installed again.
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
    """A package could not be installed."""


def python_with(packages: Sequence[str], folder: Path) -> Path:
    """Create the environment, if there is none, and install missing packages.

    Returns:
        Python interpreter of the environment.

    Raises:
        NotInstalled: pip failed; the message is its last line.
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
    done = subprocess.run(  # noqa: S603 - constant command
        [*pip, "install", *options, *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled((done.stderr.strip().splitlines() or ["no word"])[-1])


def _let_see_ours(python: Path) -> None:
    """Add this environment's packages after the packages of the peer."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = python.parents[1] / "lib" / version / "site-packages"
    (site / _OURS).write_text(sysconfig.get_path("purelib") + "\n")
