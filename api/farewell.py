"""Hearing of the end of a process in time to say goodbye to whoever waits."""

from __future__ import annotations

import signal
import socket
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDS = {signal.SIGINT, signal.SIGTERM}


def before_the_end(goodbye: Callable[[], None]) -> None:
    """Have `goodbye` called when this process is told to end; from the main thread.

    The server sets handlers of its own after the app is loaded, and they are to stay.
    The wakeup descriptor is written to besides them, whatever the main thread does.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        with heard, told:
            while not _ENDS & set(heard.recv(64)):
                pass
            goodbye()

    Thread(target=listen, name="farewell", daemon=True).start()
