"""The API's process: granian with the WSGI app of `api.wsgi`."""

from __future__ import annotations

import os
import signal
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from impasto.tether import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "api.wsgi:app"  # a factory
_STOP_SECONDS = 8


def serve(environment: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        environment: With IMPASTO_HOST, IMPASTO_PORT and IMPASTO_API_THREADS.
    """
    server = Granian(APP, **options(environment))
    server.serve(target_loader=partial(_load, os.getpid()), wrap_loader=False)


def options(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return granian's arguments.

    One process: the limit of two decodes at once counts per process, and the threads
    mostly wait. Backpressure counts connections, of which an idle one needs no thread.
    """
    return {
        "address": environment.get("IMPASTO_HOST", "127.0.0.1"),
        "port": int(environment.get("IMPASTO_PORT", "8470")),
        "interface": Interfaces.WSGI,
        "http": HTTPModes.http1,
        "websockets": False,
        "workers": 1,
        "blocking_threads": int(environment.get("IMPASTO_API_THREADS", "64")),
        "workers_kill_timeout": _STOP_SECONDS,
        "log_level": LogLevels.warning,
    }


def _load(parent: int) -> Any:
    """Make the app in granian's worker, which must not outlive `parent`."""
    die_with_parent(parent, signal.SIGKILL)
    module, name = APP.split(":")
    return getattr(import_module(module), name)()
