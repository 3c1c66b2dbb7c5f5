"""Run a command that ends when its parent does, even by SIGKILL.

`python -m impasto.local.parent_death PARENT_PID -- COMMAND...`. On Linux the kernel
sends the signal and this becomes the command; elsewhere it stays and looks after its
parent.
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
_LOOK_SECONDS = 0.25


def die_with_parent(parent: int, signal_number: int) -> None:
    """Have the kernel signal this process when its parent thread ends (Linux only).

    The setting survives `exec`, not `fork`. A parent that ended before the call is
    noticed too: the process exits at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(1)


def stay_beside(parent: int, command: Sequence[str]) -> int:
    """Run `command`, pass signals on, and stop it when the parent is gone."""
    child = subprocess.Popen(command)  # noqa: S603 - the caller's own command

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    while os.getppid() == parent:
        try:
            return _shell_code(child.wait(_LOOK_SECONDS))
        except subprocess.TimeoutExpired:
            continue
    return _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    child.kill()
    return _shell_code(child.wait())


def _shell_code(code: int) -> int:
    return code if code >= 0 else 128 - code  # as a shell reports signals


def main(arguments: Sequence[str]) -> NoReturn:
    """Become the command, or stay beside it."""
    parent, command = int(arguments[0]), arguments[2:]
    if sys.platform != "linux":
        sys.exit(stay_beside(parent, command))
    die_with_parent(parent, signal.SIGTERM)
    os.execvp(command[0], list(command))  # noqa: S606 - a shell would take the signals


if __name__ == "__main__":
    main(sys.argv[1:])
