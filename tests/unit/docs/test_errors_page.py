"""docs/errors.md is as the code, and has every code that a client can meet."""

from __future__ import annotations

import pytest

from api.server.problem_pages import list_problem_pages
from docs.scripts.error_tables import COMMAND, PATH, text
from impasto.cli.exit_codes import DIFFERENT, ERROR, EXIT_CODES, INTERRUPTED, OK
from impasto.errors import API_ERRORS

PAGE = PATH.read_text(encoding="utf-8")


def test_the_page_is_that_of_the_code():
    assert text() == PAGE, f"run '{COMMAND}'"


@pytest.mark.parametrize(
    "code",
    [page.code for page in list_problem_pages()]
    + [*API_ERRORS, *EXIT_CODES, "out_of_memory", "diverged", "worker_lost"],
)
def test_every_code_is_there(code):
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize(
    "status", {OK, ERROR, DIFFERENT, INTERRUPTED, *EXIT_CODES.values()}
)
def test_every_exit_code_has_its_line(status):
    assert f"\n| {status} | " in PAGE.partition("## Exit codes")[2]
