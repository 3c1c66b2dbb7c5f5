"""Clock of a process, for its waits and times.

Database rows have the database's time instead, so that hosts agree on leases.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class RunningThread(Protocol):
    """Thread that was started by a clock."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread ends, for at most `timeout` seconds."""


class Clock:
    """Clock of this host, and the threads that wait by it."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment; never set back."""
        return time.monotonic()

    def time(self) -> float:
        """Return seconds since 1970, by this host's clock."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float | None = None) -> bool:
        """Wait until `event` is set, at most for `seconds`; return whether it is."""
        return event.wait(seconds)

    def start_thread(self, name: str, function: Callable[[], None]) -> RunningThread:
        """Start a thread that does not keep the process alive."""
        thread = threading.Thread(target=function, name=name, daemon=True)
        thread.start()
        return thread


SYSTEM_CLOCK = Clock()
