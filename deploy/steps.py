"""Progress output: a line per step with its name, its seconds and its result."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME_WIDTH = 26


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Time a step and print its line, which ends with the notes made meanwhile."""
    notes: list[str] = []
    began = time.monotonic()
    try:
        yield notes.append
    except BaseException:
        notes.append("FAILED")
        raise
    finally:
        took = time.monotonic() - began
        say(f"  {name:{_NAME_WIDTH}} {took:7.1f} s  {', '.join(notes)}".rstrip())


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
