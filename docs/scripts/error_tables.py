"""`python -m docs.scripts.error_tables` writes docs/errors.md, from the code."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.http.problems import PROBLEM_TYPES
from api.server.problem_pages import list_problem_pages
from impasto import errors as client_errors
from impasto.cli.exit_codes import DIFFERENT, ERROR, EXIT_CODES, INTERRUPTED, OK
from impasto.client import outcomes
from shared import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

PATH = Path(__file__).parents[1] / "errors.md"
COMMAND = "python -m docs.scripts.error_tables"

_PAGE = """\
# Errors: all codes on one page

`{command}` writes this page from the code; a test fails where it is not as the code.

## Answers of the API
An error is a problem document (RFC 9457): `code` is stable, `detail` says what is wrong
now, `hint` what you can do, `errors` names every wrong value. *Again*: the same request
may succeed later (`retryable`); wait for `Retry-After` if it is there. Each code has
its page on the server, `/problems/<code>`.

{problems}

## Failed jobs and processes
No request is answered with these: they are the `error.code` of a failed job, or what a
process says when it ends. Jobs also fail with the codes above, written with
underscores, and with `worker_lost` and `does_not_fit`: [operations.md](operations.md)
says what follows each.

{others}

## Exit codes of the command line
`impasto` prints `error:` and `hint:` on standard error and ends with:

{exits}

Codes of the client, beside those of the API; Python code finds them as `code` of an
`impasto.errors.ImpastoError`:

{client}
"""

_PLAIN_EXITS = {
    OK: ("", "done"),
    ERROR: ("any other", "see the message"),
    DIFFERENT: ("", "`impasto reproduce`: the picture made again has other bytes"),
    INTERRUPTED: ("", "Ctrl-C; the job goes on"),
}


def text() -> str:
    """Return the page as it is committed."""
    return _PAGE.format(
        command=COMMAND,
        problems=_problems_table(),
        others=_others_table(),
        exits=_exits_table(),
        client=_client_table(),
    )


def _problems_table() -> str:
    rows = (
        [str(page.status), f"`{page.code}`", page.meaning, page.hint, _yes(page)]
        for page in list_problem_pages()
    )
    return _table(["status", "code", "what it means", "what to do", "again"], rows)


def _others_table() -> str:
    # Bases, and what only a worker sees.
    left_out = {errors.ImpastoError, errors.InvalidRequest, errors.FencedOut}
    rows = (
        [f"`{error.code}`", _meaning(error), error.hint, _yes(error)]
        for error in _classes(errors, errors.ImpastoError)
        if error not in left_out and not set(error.__mro__) & PROBLEM_TYPES.keys()
    )
    return _table(["code", "what it means", "what to do", "again"], rows)


def _exits_table() -> str:
    codes: dict[int, list[str]] = {}
    for code, status in EXIT_CODES.items():
        codes.setdefault(status, []).append(f"`{code}`")
    named = {status: (", ".join(names), "") for status, names in codes.items()}
    rows = (
        [str(status), *words]
        for status, words in sorted((_PLAIN_EXITS | named).items())
    )
    return _table(["exit code", "error code", "note"], rows)


def _client_table() -> str:
    rows = (
        [f"`{error.code}`", _meaning(error), error.hint]
        for module in (client_errors, outcomes)
        for error in _classes(module, client_errors.ImpastoError)
        if "code" in vars(error) and error is not client_errors.ImpastoError
    )
    return _table(["code", "what it means", "what to do"], rows)


def _classes(module: ModuleType, base: type[Exception]) -> Iterator[type[Any]]:
    """Yield the error classes that a module defines, in its order."""
    for value in vars(module).values():
        is_class = isinstance(value, type) and issubclass(value, base)
        if is_class and value.__module__ == module.__name__:
            yield value


def _meaning(error: type[Any]) -> str:
    return (inspect.getdoc(error) or "").partition("\n")[0]


def _yes(error: object) -> str:
    return "yes" if getattr(error, "retryable", False) else ""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    sys.exit(0)
