"""`python -m docs.scripts.error_tables` writes docs/errors.md, from the code."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from api.http.problems import list_error_classes, list_problem_types
from impasto import errors
from impasto.cli.exit_codes import DIFFERENT, ERROR, INTERRUPTED, OK
from shared.errors import ImpastoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATH = Path(__file__).parents[1] / "errors.md"
COMMAND = "python -m docs.scripts.error_tables"

_PAGE = """\
# Errors: all codes on one page

`{command}` writes this page from the code; a test fails if they differ.

## Answers of the API
An error is a problem document (RFC 9457): `code` is stable, `detail` says what is wrong
in this case, `hint` what you can do, `errors` names every wrong value. *Again* means
that the same request may succeed later (`retryable`), after `Retry-After` if it is
there. Each code has a page on the server, `/problems/<code>`.

{problems}

## Failed jobs and processes
No request is answered with these codes: they are the `error.code` of a failed job, or
printed by a process that ends. Jobs also fail with codes of the table above, such as
`storage-unavailable`; [operations.md](operations.md) says what happens after each.

{others}

## Exit codes of the command line
`impasto` prints `error:` and `hint:` on standard error and ends with:

{exits}

The client has further codes of its own; in Python they are the `code` of an
`impasto.errors.ImpastoError`:

{client}
"""

_PLAIN_EXITS = {
    OK: ("", "done"),
    ERROR: ("any other", "see the message"),
    DIFFERENT: ("", "`impasto reproduce`: the new picture has other bytes"),
    INTERRUPTED: ("", "Ctrl-C; the job continues"),
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
        [str(error.status), f"`{error.code}`", error.title, error.hint, _again(error)]
        for error in list_problem_types()
    )
    return _table(["status", "code", "what it means", "what to do", "again"], rows)


def _others_table() -> str:
    rows = (
        [f"`{error.code}`", error.title, error.hint, _again(error)]
        for error in list_error_classes()
        if error.status is None and error.code != ImpastoError.code
    )
    return _table(["code", "what it means", "what to do", "again"], rows)


def _exits_table() -> str:
    codes: dict[int, list[str]] = {}
    for error in _client_errors():
        codes.setdefault(error.exit_code, []).append(f"`{error.code}`")
    named = {
        exit_code: (", ".join(dict.fromkeys(names)), "")
        for exit_code, names in codes.items()
    }
    rows = (
        [str(exit_code), *words]
        for exit_code, words in sorted((named | _PLAIN_EXITS).items())
    )
    return _table(["exit code", "error code", "note"], rows)


def _client_table() -> str:
    rows = (
        [f"`{error.code}`", _first_line(error), error.hint]
        for error in _client_errors()
        if not issubclass(error, errors.ApiError) and error is not errors.ImpastoError
    )
    return _table(["code", "what it means", "what to do"], rows)


def _client_errors() -> Iterator[type[errors.ImpastoError]]:
    """Yield the classes of errors of the client, in their order."""
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.ImpastoError):
            yield value


def _first_line(error: type[errors.ImpastoError]) -> str:
    return (inspect.getdoc(error) or "").partition("\n")[0].rstrip(".")


def _again(error: type[ImpastoError]) -> str:
    return "yes" if error.retryable else ""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    sys.exit(0)
