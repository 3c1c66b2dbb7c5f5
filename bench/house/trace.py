"""Trace of the product functions that are called in a `with` block, in all threads."""

from __future__ import annotations

import inspect
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.house.layout import PACKAGES
from bench.house.source import code_lines, function_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType, TracebackType

ROOT = Path(__file__).parents[2]
Line = tuple[Path, int]


class Trace:
    """Trace that records each function of the product until the block ends.

    It traces the thread that enters the block, and threads that start in the block.
    """

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()
        self._before = sys.getprofile(), threading.getprofile()

    def __enter__(self) -> Self:
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        in_thread, in_new_threads = self._before
        sys.setprofile(in_thread)
        threading.setprofile(in_new_threads)

    @property
    def functions(self) -> set[Line]:
        """Beginning of each called function: file below the root, and line."""
        return {
            (path, code.co_firstlineno)
            for code in self._codes
            if code.co_flags
            & inspect.CO_OPTIMIZED  # leaves out bodies of modules and classes
            and (path := Path(code.co_filename)).is_relative_to(ROOT)
            and (path := path.relative_to(ROOT)).parts[0] in PACKAGES
        }

    @property
    def files(self) -> set[Path]:
        """Files of these functions."""
        return {path for path, _ in self.functions}

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self._codes.add(frame.f_code)


def count_function_lines(functions: Iterable[Line]) -> tuple[int, int]:
    """Count all lines of these functions, and those with code.

    Each line counts once, even if several functions contain it.
    """
    first_lines: dict[Path, set[int]] = {}
    for path, line in functions:
        first_lines.setdefault(path, set()).add(line)
    in_all = with_code = 0
    for path, firsts in first_lines.items():
        text = (ROOT / path).read_text()
        lines = function_lines(text, firsts)
        in_all += len(lines)
        with_code += len(lines & code_lines(text))
    return in_all, with_code
