"""Compose project: runs commands of docker compose, and reports their failures."""

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
_OUTPUT_LINES = 25


class ComposeFailed(Exception):
    """A command of compose failed, or compose is not installed.

    Args:
        message: Command and exit code.
        output: Last lines of the command's output.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class Compose:
    """Project of the repository's compose file.

    Args:
        project: Name of the project; commands affect no other project.
        variables: Environment variables for the compose file.
    """

    def __init__(self, project: str, variables: Mapping[str, str]) -> None:
        self.program = find_program()
        self._words = [*self.program, "-p", project, "-f", str(_FILE)]
        self._environment = {**os.environ, **variables}

    def run(self, *words: str) -> str:
        """Run a command of compose, and return its standard output.

        Raises:
            ComposeFailed: Its exit code is not 0.
        """
        done = subprocess.run(  # noqa: S603 - constant arguments
            [*self._words, *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()[-_OUTPUT_LINES:]
            message = f"compose {' '.join(words)}: exit code {done.returncode}"
            raise ComposeFailed(message, "".join(f"{line}\n" for line in lines))
        return done.stdout


def find_program() -> list[str]:
    """Return the command of compose: docker's plugin, or else a separate program.

    Raises:
        ComposeFailed: Neither is installed.
    """
    docker = shutil.which("docker")
    if docker and _answers([docker, "compose"]):
        return [docker, "compose"]
    scripts = str(Path(sys.executable).parent)  # folder of programs from wheels
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), scripts])
    alone = shutil.which("docker-compose", path=places)
    if alone and _answers([alone]):
        return [alone]
    raise ComposeFailed("neither 'docker compose' nor 'docker-compose' is installed")


def _answers(program: list[str]) -> bool:
    done = subprocess.run(  # noqa: S603 - a program on PATH
        [*program, "version"], capture_output=True, check=False
    )
    return done.returncode == 0
