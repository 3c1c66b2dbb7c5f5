"""One stack per data folder: a lock that the kernel lets go of with its holder."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.errors import AlreadyRunning
from impasto.stackfile import read_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the data folder, made if need be.

    Raises:
        AlreadyRunning: Another process holds it; the message names its address.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise _taken(home, file.read().strip()) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield  # children do not inherit the file, so the lock ends with this process


def _taken(home: Path, pid: str) -> AlreadyRunning:
    if running := read_running(home):
        return AlreadyRunning(
            f"already running: {running.url} (pid {running.pid}, data in {home})",
            hint="use it, or set IMPASTO_HOME to another folder",
        )
    return AlreadyRunning(
        f"another stack (pid {pid or 'unknown'}) starts or stops with its data in "
        f"{home}",
        hint="try again in a few seconds",
    )
