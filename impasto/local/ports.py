"""A port for the API: the usual one if it is free."""

from __future__ import annotations

import errno
import socket

from impasto.errors import StackError

USUAL_PORT = 8470
_HOST = "127.0.0.1"


def choose_port(told: int | None, usual: int = USUAL_PORT) -> int:
    """Return a port that is free at this moment.

    Args:
        told: The only one to take; 0 for any.
        usual: The first to try when nobody said.

    Raises:
        StackError: The port told is taken.
    """
    if told:
        if _is_free(told):
            return told
        raise StackError(
            f"port {told} is taken", hint="give another --port, or 0 for any"
        )
    return usual if told is None and _is_free(usual) else _any_free()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that linger from the last run are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
            probe.listen()
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
        return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
