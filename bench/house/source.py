"""Analysis of Python source: numbers of lines of code, lines of functions, imports."""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(text: str) -> set[int]:
    """Find the lines with code: neither blank nor comment nor docstring."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - _docstring_lines(text)


def function_lines(text: str, first_lines: Collection[int]) -> set[int]:
    """Find all lines of the functions that begin at `first_lines`.

    A function begins at its first decorator, like `co_firstlineno`, and ends with its
    last statement. Docstrings, comments and nested functions are included. A line at
    which no function begins is ignored.
    """
    lines: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _FUNCTIONS):
            decorators = getattr(node, "decorator_list", [])
            first = min(part.lineno for part in (node, *decorators))
            if first in first_lines:
                lines.update(range(first, _last_line(node) + 1))
    return lines


def imported_names(text: str) -> set[str]:
    """List modules that `text` imports, and names that it imports from modules.

    Each `from module import name` counts as `module` and as `module.name`, since the
    syntax does not show whether the name is a module.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _docstring_lines(text: str) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.update(range(docstring.lineno, _last_line(docstring) + 1))
    return lines


def _last_line(node: ast.expr | ast.stmt) -> int:
    return node.end_lineno or node.lineno
