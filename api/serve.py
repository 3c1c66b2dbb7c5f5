"""Server process of the API, `python -m api.serve`: granian with `api.wsgi:app`.

On SIGINT and SIGTERM the process closes its streams and long polls before it ends.
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

from api.dependencies import dependencies_of
from api.http.idle_connections import watch_idle_connections
from shared.auth.secret import secret_or_exit
from shared.logs import configure_logging
from shared.settings import settings_or_exit, warn_if_home_is_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from shared.settings import Settings

_END_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def on_shutdown(callback: Callable[[], None]) -> None:
    """Call `callback` in a thread on SIGINT or SIGTERM; for the main thread only.

    The server sets its signal handlers after the app is loaded, and they must not be
    replaced. Python also writes each signal to the wakeup descriptor, so a thread reads
    it.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def wait_for_signal() -> None:
        with reader, writer:
            while not _END_SIGNALS & set(reader.recv(64)):
                pass
            callback()

    Thread(target=wait_for_signal, name="shutdown", daemon=True).start()


_APP = "api.wsgi:app"
_STOP_SECONDS = 8
_HEADER_TIMEOUT_MS = 10_000  # for all headers; clients keep idle connections for 5 s
_MAX_CONNECTIONS = 1024  # besides those of streams
_IDLE_SECONDS = 120  # twice the longest time without data in a long poll
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SystemExit: The settings are not valid, or the port is taken.
    """
    settings = settings_or_exit()
    warn_if_home_is_open(settings.home)
    secret_or_exit(settings.secret_file)
    _exit_if_taken(settings.host, settings.port)
    configure_logging(settings.log_level)
    logging.getLogger("_granian").addFilter(_is_relevant)
    server = Granian(_APP, **granian_options(settings))
    server.serve(target_loader=partial(_load_app, os.getpid()), wrap_loader=False)


def _exit_if_taken(host: str, port: int) -> None:
    """Exit if a server listens at this address, which granian would share silently."""
    try:
        with socket.create_connection((host, port), timeout=1):
            pass
    except OSError:
        return
    sys.exit(f"error: port {port} of {host} is taken; set IMPASTO_PORT to another one")


def granian_options(settings: Settings) -> dict[str, Any]:
    """Return granian's arguments.

    There is one process, since the limit of decodes counts per process, and the threads
    mostly wait. Each open stream has its own thread, in addition to those for other
    requests; threads start on demand. Backpressure counts connections, and idle ones
    need no thread. So the limit is the number of streams plus many more. A client that
    opens all of them and sends nothing blocks the others for ten seconds.
    """
    return {
        "address": settings.host,
        "port": settings.port,
        "interface": Interfaces.WSGI,
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
        "websockets": False,
        "workers": 1,
        "blocking_threads": settings.api_threads + settings.max_streams,
        "backpressure": _MAX_CONNECTIONS + settings.max_streams,
        "workers_kill_timeout": _STOP_SECONDS,
        "log_level": LogLevels.warning,
        # No handlers, so that its log records use the handlers of the root logger.
        "log_dictconfig": {"loggers": {"_granian": {"propagate": True}}},
    }


def _is_relevant(record: logging.LogRecord) -> bool:
    """Filter out granian's advice to use fewer threads."""
    return "Python threads" not in record.getMessage()


def _load_app(parent: int) -> Flask:
    """Build the app in granian's worker, which must not outlive `parent`."""
    _die_with_parent(parent)
    from api.wsgi import app  # noqa: PLC0415 - the parent serves nothing itself

    flask_app = app()
    dependencies = dependencies_of(flask_app)
    on_shutdown(dependencies.watcher.close)
    if sys.platform == "linux":
        heartbeat = dependencies.settings.stream_heartbeat_seconds
        watch_idle_connections(max(_IDLE_SECONDS, 2 * heartbeat))
    return flask_app


def _die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the call
        os._exit(1)


if __name__ == "__main__":
    main()
