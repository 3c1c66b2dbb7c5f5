"""One stack per data folder: a lock that the kernel lets go of with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.client.discovery import lock_path, read_running
from impasto.errors import AlreadyRunning, HomeUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

_TRIES = 10
_PAUSE_SECONDS = 0.02


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the data folder, made if need be.

    Raises:
        AlreadyRunning: Another process holds it; the message names its address.
        HomeUnusable: It cannot be made or written.
    """
    with _opened(home) as file:
        if not _locked(file):
            file.seek(0)
            raise _taken(home, file.read().strip())
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield  # children do not inherit the file, so the lock ends with this process


def _opened(home: Path) -> TextIO:
    try:
        home.mkdir(parents=True, exist_ok=True)
        return lock_path(home).open("a+")
    except OSError as error:
        raise HomeUnusable(f"cannot keep data in {home}: {error.strerror}") from error


def _locked(file: TextIO) -> bool:
    """Take the lock; commands that look for the stack have it for a moment, too."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


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
