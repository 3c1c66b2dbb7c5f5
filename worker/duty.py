"""Whether this worker takes jobs: not while it drains, and not once it has to end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)


class Duty:
    """Who wants the worker to stop: the operator for a while, the process for good.

    Args:
        draining: Set while either of them does; attempts obey it.
        listen: Called with whether rings shall be heard, when the operator changes it:
            what a drained worker hears, no other does.
    """

    def __init__(
        self, draining: threading.Event, listen: Callable[[bool], None]
    ) -> None:
        self._draining, self._listen = draining, listen
        self._ended = threading.Event()
        self._turn = threading.RLock()  # a signal may come in mid-call

    @property
    def has_ended(self) -> bool:
        """Whether the process has to end."""
        return self._ended.is_set()

    def end(self) -> None:
        """Hand the job back and take no more, for good."""
        with self._turn:
            self._ended.set()
            self._draining.set()

    def drain(self, *, wanted: bool) -> None:
        """Do as the operator says, unless the end has come."""
        with self._turn:
            if self._ended.is_set() or wanted == self._draining.is_set():
                return
            if wanted:
                self._draining.set()
            else:
                self._draining.clear()
        log.info("drain_ordered" if wanted else "drain_lifted")
        self._listen(not wanted)

    def wait(self, seconds: float) -> bool:
        """Pause at most so long; True: the end has come."""
        return self._ended.wait(seconds)
