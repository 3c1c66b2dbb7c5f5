"""Hearing of the end of a process in time to say goodbye to whoever waits.

`python -m api.serve`: the API's process, granian with the WSGI app of `api.wsgi`.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from api.dependencies import services_of
from shared.auth.secret import secret_or_exit
from shared.logs import configure
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from shared.settings import Settings

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


_APP = "api.wsgi:app"
_STOP_SECONDS = 8
_SILENT_MS = 10_000  # without a whole head; clients keep idle lines for 5 s
_CONNECTIONS = 1024  # besides those of streams
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SystemExit: The settings are not valid.
    """
    settings = settings_or_exit()
    secret_or_exit(settings.secret_file)
    configure(settings.log_level)
    logging.getLogger("_granian").addFilter(_is_news)
    server = Granian(_APP, **options(settings))
    server.serve(target_loader=partial(_load, os.getpid()), wrap_loader=False)


def options(settings: Settings) -> dict[str, Any]:
    """Return granian's arguments.

    One process: the limit of decodes at once counts per process, and the threads
    mostly wait. Each open stream has a thread of its own besides those that answer; a
    thread begins when it is needed. Backpressure counts connections, of which an idle
    one needs no thread: there are as many as streams can take, and then many more. Who
    takes them all and says nothing keeps the others out for ten seconds.
    """
    return {
        "address": settings.host,
        "port": settings.port,
        "interface": Interfaces.WSGI,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=_SILENT_MS),
        "websockets": False,
        "workers": 1,
        "blocking_threads": settings.api_threads + settings.max_streams,
        "backpressure": _CONNECTIONS + settings.max_streams,
        "workers_kill_timeout": _STOP_SECONDS,
        "log_level": LogLevels.warning,
        # No handlers of its own: its lines go where ours go.
        "log_dictconfig": {"loggers": {"_granian": {"propagate": True}}},
    }


def _is_news(record: logging.LogRecord) -> bool:
    """Drop the advice to have fewer threads than we chose to have."""
    return "Python threads" not in record.getMessage()


def _load(parent: int) -> Flask:
    """Make the app in granian's worker, which must not outlive `parent`."""
    _die_with(parent)
    from api.wsgi import app  # noqa: PLC0415 - the parent serves nothing itself

    made = app()
    before_the_end(services_of(made).lookout.close)
    return made


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


if __name__ == "__main__":
    main()
