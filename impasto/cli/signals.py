"""SIGTERM and SIGHUP as exceptions, so that `with` blocks end in good order."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end, other than by Ctrl-C."""


@contextmanager
def stop_signals_raise() -> Iterator[None]:
    """Raise `Terminated` in the main thread for as long as the block."""
    before = [signal.signal(number, _raise) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)
