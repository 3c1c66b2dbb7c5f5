"""Runner of a command that ends with its parent, even after SIGKILL.

`python -m impasto.local.parent_death PARENT_PID -- COMMAND...`. On Linux the kernel
sends the signal, and the command replaces this process. Elsewhere this process polls
whether its parent still runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GRACE_SECONDS = 20.0
_POLL_SECONDS = 0.25


def die_with_parent(parent: int, signal_number: int) -> None:
    """Ask the kernel to signal this process when its parent thread ends (Linux only).

    The setting survives `exec`, not `fork`. If the parent ended before the call, the
    process exits at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(1)


def run_until_parent_ends(parent: int, command: Sequence[str]) -> int:
    """Run `command`, forward signals to it, and stop it when the parent has ended.

    Returns the exit code of the command, as a shell reports it.
    """
    child = subprocess.Popen(command)  # noqa: S603 - the caller's own command

    def forward_signal(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward_signal)
    while os.getppid() == parent:
        try:
            return _shell_exit_code(child.wait(_POLL_SECONDS))
        except subprocess.TimeoutExpired:
            continue
    return _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    child.kill()
    return _shell_exit_code(child.wait())


def _shell_exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code  # as a shell reports signals


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the command, or run it as a child."""
    parent, command = int(arguments[0]), arguments[2:]
    if sys.platform != "linux":
        sys.exit(run_until_parent_ends(parent, command))
    die_with_parent(parent, signal.SIGTERM)
    os.execvp(command[0], list(command))  # noqa: S606 - a shell would take the signals


if __name__ == "__main__":
    main(sys.argv[1:])
