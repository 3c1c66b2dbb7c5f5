"""Keep children running: start again what ends, give up on what keeps dying."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import ChildGaveUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.local.process import Child

RESTART_ME = 75  # EX_TEMPFAIL: a worker that wants a fresh process
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """How much dying is too much.

    Attributes:
        quick_seconds: A child that ends sooner has failed quickly.
        quick_failures: So many in a row, and the stack ends.
        pause_seconds: Before the first restart; doubles with each further failure.
    """

    quick_seconds: float = 10.0
    quick_failures: int = 3
    pause_seconds: float = 0.5


class _Ward:
    """A child and its record."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.started_at = 0.0
        self.quick_failures = 0
        self.restart_at: float | None = None  # set once its end has been noticed

    def start(self) -> None:
        self.restart_at = None
        self.started_at = time.monotonic()
        self.child.start()


class Supervisor:
    """Looks after children from one thread: whoever waits, waits in `tend`.

    Args:
        say: Takes a line for people at each restart.
        patience: How much dying is too much.
    """

    def __init__(
        self, say: Callable[[str], None], patience: Patience | None = None
    ) -> None:
        self._say = say
        self._patience = patience or Patience()
        self._wards: list[_Ward] = []

    def start(self, child: Child) -> None:
        """Start a child and look after it from now on."""
        ward = _Ward(child)
        self._wards.append(ward)
        ward.start()

    def tend(self, seconds: float) -> None:
        """Look after the children for so long: a `sleep` that works.

        Raises:
            ChildGaveUp: One of them keeps dying.
        """
        deadline = time.monotonic() + seconds
        while True:
            for ward in self._wards:
                self._look_after(ward)
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_SECONDS))

    def stop(self) -> None:
        """Stop all, the last started first; a second Ctrl-C only hurries it."""
        with ExitStack() as leftovers:
            for ward in self._wards:
                leftovers.callback(ward.child.sweep)
            for ward in reversed(self._wards):
                ward.child.stop()

    def _look_after(self, ward: _Ward) -> None:
        if ward.restart_at is not None:
            if time.monotonic() >= ward.restart_at:
                ward.start()
        elif (code := ward.child.exit_code()) is not None:
            ward.child.sweep()  # what it left behind must not serve beside the next one
            self._plan_restart(ward, code)

    def _plan_restart(self, ward: _Ward, code: int) -> None:
        name, now = ward.child.spec.name, time.monotonic()
        if code == RESTART_ME:
            ward.quick_failures = 0
            ward.restart_at = now
            self._say(f"{name} asked for a fresh process")
            return
        quick = now - ward.started_at < self._patience.quick_seconds
        ward.quick_failures = ward.quick_failures + 1 if quick else 0
        if ward.quick_failures >= self._patience.quick_failures:
            raise _gave_up(ward, code)
        pause = self._patience.pause_seconds * 2 ** max(ward.quick_failures - 1, 0)
        ward.restart_at = now + pause
        log = ward.child.spec.log_path
        self._say(f"{name} {ended(code)}; again in {pause:g} s (log: {log})")


def ended(code: int) -> str:
    """Say how a process ended."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit {code}"


def _gave_up(ward: _Ward, code: int) -> ChildGaveUp:
    spec = ward.child.spec
    lines = "\n".join(f"  | {line}" for line in ward.child.last_lines())
    return ChildGaveUp(
        f"{spec.name} {ended(code)}, {ward.quick_failures} times in a row"
        f"\n{lines or '  | (nothing in its log)'}",
        hint=f"its whole log: {spec.log_path}",
    )
