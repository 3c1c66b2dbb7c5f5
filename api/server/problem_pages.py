"""Explanations of all problems, for their pages, from the error classes."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.http.problems import (
    BAD_REQUEST,
    BAD_REQUEST_TITLE,
    HTTP_CODES,
    HTTP_TITLES,
    INTERNAL,
    PROBLEM_TYPES,
    code_of_type,
)

if TYPE_CHECKING:
    from shared.errors import ImpastoError


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Explanation of one problem code."""

    code: str
    status: int
    title: str
    meaning: str
    hint: str
    retryable: bool


# Problems that no error class stands for.
_OTHERS = (
    ProblemPage(
        INTERNAL,
        500,
        "This is a bug in Impasto",
        "Something failed that was not "
        "foreseen; the log has the details under the request id.",
        "Give the request id to the operator.",
        retryable=False,
    ),
    ProblemPage(
        HTTP_CODES[405],
        405,
        HTTP_TITLES[405],
        "The address exists, but does not take this method; Allow names those it "
        "takes.",
        "See /docs.",
        retryable=False,
    ),
    ProblemPage(
        HTTP_CODES[416],
        416,
        HTTP_TITLES[416],
        "Range begins behind the end; Content-Range tells how many bytes there are.",
        "Ask for less, or leave Range out.",
        retryable=False,
    ),
    ProblemPage(
        BAD_REQUEST,
        400,
        BAD_REQUEST_TITLE,
        "The request is not valid HTTP for this address.",
        "See /docs.",
        retryable=False,
    ),
)


def list_problem_pages() -> list[ProblemPage]:
    """Return an explanation of every problem code, sorted by status."""
    pages: dict[str, ProblemPage] = {}
    for error, kind in PROBLEM_TYPES.items():
        code = code_of_type(error, kind)
        retryable = error.retryable or kind.retry_after_seconds is not None
        page = ProblemPage(
            code, kind.status, kind.title, _meaning(error), error.hint, retryable
        )
        pages.setdefault(code, page)
    for page in _OTHERS:
        pages.setdefault(page.code, page)
    return sorted(pages.values(), key=lambda page: (page.status, page.code))


def _meaning(error: type[ImpastoError]) -> str:
    return (inspect.getdoc(error) or "").partition("\n")[0]
