"""SIGTERM and SIGHUP as exceptions, so that `with` blocks clean up."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM or SIGHUP."""


@contextmanager
def raise_on_stop_signals() -> Iterator[None]:
    """Raise `Terminated` in the main thread on a stop signal during the block."""
    previous = [signal.signal(number, _raise_terminated) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, previous, strict=True):
            signal.signal(number, handler)


def _raise_terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)
