"""The compose file as a project of its own: its commands, and their failures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
_FILE = ROOT / "docker-compose.yml"
_TOLD_LINES = 25


class ComposeFailed(Exception):
    """A command of compose ended badly, or there is none.

    Args:
        message: Which, and how.
        said: The last lines of what it said.
    """

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class Compose:
    """One project of our compose file.

    Args:
        project: Its name; what belongs to other names is never touched.
        variables: What the file is filled in with.
    """

    def __init__(self, project: str, variables: Mapping[str, str]) -> None:
        self.program = find_program()
        self._words = [*self.program, "-p", project, "-f", str(_FILE)]
        self._environment = {**os.environ, **variables}

    def run(self, *words: str) -> str:
        """Run one command of compose, and return what it said on standard output.

        Raises:
            ComposeFailed: It ended with another code than 0.
        """
        done = subprocess.run(  # noqa: S603 - words of our own
            [*self._words, *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()[-_TOLD_LINES:]
            message = f"compose {' '.join(words)}: exit code {done.returncode}"
            raise ComposeFailed(message, "".join(f"{line}\n" for line in lines))
        return done.stdout


def find_program() -> list[str]:
    """Return how compose is called here: docker's plugin, else a program by itself.

    Raises:
        ComposeFailed: There is neither.
    """
    docker = shutil.which("docker")
    if docker and _answers([docker, "compose"]):
        return [docker, "compose"]
    beside_us = str(Path(sys.executable).parent)  # where a wheel would have put it
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), beside_us])
    alone = shutil.which("docker-compose", path=places)
    if alone and _answers([alone]):
        return [alone]
    raise ComposeFailed("neither 'docker compose' nor 'docker-compose' is installed")


def _answers(program: list[str]) -> bool:
    asked = subprocess.run(  # noqa: S603 - found on PATH by us
        [*program, "version"], capture_output=True, check=False
    )
    return asked.returncode == 0
