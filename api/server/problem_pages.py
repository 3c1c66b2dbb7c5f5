"""What each problem means, for its page: from the error classes themselves."""

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
    KINDS,
    code_of_kind,
)

if TYPE_CHECKING:
    from shared.errors import ImpastoError


@dataclass(frozen=True, slots=True)
class Page:
    """One kind of problem, explained."""

    code: str
    status: int
    title: str
    meaning: str
    hint: str
    retryable: bool


# Problems without an error class of ours.
_OTHERS = (
    Page(INTERNAL, 500, "This is a bug in Impasto", "Something failed that was not "
         "foreseen; the log has the details under the request id.",
         "Give the request id to the operator.", retryable=False),
    Page(HTTP_CODES[405], 405, HTTP_TITLES[405],
         "The address exists, but does not take this method; Allow names those it "
         "takes.", "See /docs.", retryable=False),
    Page(HTTP_CODES[416], 416, HTTP_TITLES[416],
         "Range begins behind the end; Content-Range tells how many bytes there are.",
         "Ask for less, or leave Range out.", retryable=False),
    Page(BAD_REQUEST, 400, BAD_REQUEST_TITLE, "The request is not valid HTTP for this "
         "address.", "See /docs.", retryable=False),
)  # fmt: skip


def all_pages() -> list[Page]:
    """Explain every problem in the table, once per code."""
    pages: dict[str, Page] = {}
    for error, kind in KINDS.items():
        code = code_of_kind(error, kind)
        retryable = error.retryable or kind.retry_after_seconds is not None
        page = Page(
            code, kind.status, kind.title, _meaning(error), error.hint, retryable
        )
        pages.setdefault(code, page)
    for page in _OTHERS:
        pages.setdefault(page.code, page)
    return sorted(pages.values(), key=lambda page: (page.status, page.code))


def _meaning(error: type[ImpastoError]) -> str:
    return (inspect.getdoc(error) or "").partition("\n")[0]
