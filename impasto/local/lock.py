"""Lock of the data folder, for one farm at a time; ends with its process."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.client.discovery import lock_path, read_running_farm
from impasto.errors import AlreadyRunning, HomeUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

_TRIES = 10
_PAUSE_SECONDS = 0.02


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Lock the data folder during the block, and create it if necessary.

    Raises:
        AlreadyRunning: Another process has locked it; the message names its address.
        HomeUnusable: The data folder cannot be created or written.
    """
    with _open_lock_file(home) as file:
        if not _try_lock(file):
            file.seek(0)
            raise _already_running(home, file.read().strip())
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield  # children do not inherit the file, so the lock ends with this process


def _open_lock_file(home: Path) -> TextIO:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_path(home).touch(mode=0o600)
        return lock_path(home).open("a+")
    except OSError as error:
        raise HomeUnusable(f"cannot keep data in {home}: {error.strerror}") from error


def _try_lock(file: TextIO) -> bool:
    """Take the lock; commands that search for the farm hold it for a moment, too."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


def _already_running(home: Path, pid: str) -> AlreadyRunning:
    if running := read_running_farm(home):
        return AlreadyRunning(
            f"already running: {running.url} (pid {running.pid}, data in {home})",
            hint="use it, or set IMPASTO_HOME to another folder",
        )
    return AlreadyRunning(
        f"another farm (pid {pid or 'unknown'}) starts or stops with its data in "
        f"{home}",
        hint="try again in a few seconds",
    )
