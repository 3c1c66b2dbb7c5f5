"""docs/errors.md is as the code, and has every code that a client can meet."""

from __future__ import annotations

import pytest

from api.http.problems import list_problem_types
from docs.scripts.error_tables import COMMAND, PATH, text
from impasto import errors
from impasto.cli.exit_codes import DIFFERENT, ERROR, INTERRUPTED, OK

PAGE = PATH.read_text(encoding="utf-8")


def test_the_page_is_that_of_the_code():
    assert text() == PAGE, f"run '{COMMAND}'"


@pytest.mark.parametrize(
    "code",
    [error.code for error in list_problem_types()]
    + [*errors.ApiError.classes, "usage", "job-failed", "job-canceled", "wait-timeout"]
    + ["unreachable", "out-of-memory", "diverged", "worker-lost", "does-not-fit"],
)
def test_every_code_is_there(code):
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize(
    "status", [OK, ERROR, 2, 3, 4, 5, 6, 7, 8, DIFFERENT, INTERRUPTED]
)
def test_every_exit_code_has_its_line(status):
    assert f"\n| {status} | " in PAGE.partition("## Exit codes")[2]
