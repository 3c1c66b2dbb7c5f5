"""Product functions that are called inside a `with` block, in all of its threads."""

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
    """Notes each function of the product that runs until the block ends.

    It follows the thread that enters the block, and threads that start inside it.
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
        """Where each function that was called begins: file below the root, line."""
        return {
            (path, code.co_firstlineno)
            for code in self._codes
            if code.co_flags & inspect.CO_OPTIMIZED  # no body of a module or a class
            and (path := Path(code.co_filename)).is_relative_to(ROOT)
            and (path := path.relative_to(ROOT)).parts[0] in PACKAGES
        }

    @property
    def files(self) -> set[Path]:
        """Files in which these functions stand."""
        return {path for path, _ in self.functions}

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self._codes.add(frame.f_code)


def count_function_lines(functions: Iterable[Line]) -> tuple[int, int]:
    """Count all lines of these functions, and those among them that hold code.

    Each line counts once, however many functions it belongs to.
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
