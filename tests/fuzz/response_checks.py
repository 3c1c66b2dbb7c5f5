"""What must be true of every answer, and of every line of the log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from api.http.problems import list_problem_types

if TYPE_CHECKING:
    from tests.fuzz.raw_request import Answer, Attempt
    from tests.fuzz.server import Farm

_REQUEST_ID = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{26}")
_LEAKS = (
    b"Traceback (most",
    b'File "/',
    b"sqlalchemy",
    b"site-packages",
    b"SELECT jobs.",
)
# libtiff tells of damage by itself, on standard error, with nothing of the file in it.
_OF_LIBTIFF = re.compile(r"[\w.]+: [\x20-\x7e]{1,200}")
_NO_ROOM = (b"busy", b"storage-full")
_BY_THE_SERVER = {400, 405, 408, 411, 413, 414, 417, 431, 501, 505}  # not by the app


def complaints(attempt: Attempt, answer: Answer, farm: Farm) -> list[str]:
    """Name what is wrong with an answer."""
    if answer.status == 0:
        # What is no request needs no answer, but an end.
        may_be_silent = attempt.raw is not None and not answer.hangs
        return [] if may_be_silent else [f"no answer: {answer.trouble}"]
    said = []
    if answer.status >= 500 and not _is_busy(answer):
        said.append(f"status {answer.status}")
    if attempt.allowed is not None and answer.status not in attempt.allowed:
        said.append(f"status {answer.status}, not {sorted(attempt.allowed)}")
    said += _leaks(answer, farm)
    if "request-id" in answer.headers:
        said += _of_the_app(attempt, answer)
    elif answer.status not in _BY_THE_SERVER or answer.body:
        said.append(f"no Request-Id, status {answer.status}")
    return said


def _is_busy(answer: Answer) -> bool:
    """Whether it is refused for want of room, as it may be; HEAD does not say why."""
    if answer.status != 503 or "retry-after" not in answer.headers:
        return False
    return not answer.body or any(b'"%s"' % code in answer.body for code in _NO_ROOM)


def _leaks(answer: Answer, farm: Farm) -> list[str]:
    text = answer.body + repr(answer.headers).encode()
    told = [f"tells {leak!r}" for leak in _LEAKS if leak in answer.body]
    told += ["tells a secret" for one in farm.secrets if one.encode() in text]
    if b"imp_" in text and re.search(rb"imp_[A-Za-z0-9_-]{43}", text):
        own = b'"secret":"imp_' in text or b'"token":"imp_stream_' in text
        made = answer.status == 201 and own
        told += [] if made else ["tells a key"]
    return told


def _of_the_app(attempt: Attempt, answer: Answer) -> list[str]:
    said = []
    if not _REQUEST_ID.fullmatch(answer.headers["request-id"]):
        said.append("Request-Id is not ours")
    if answer.status != 304 and not _is_nosniff(answer):  # its receiver has the rest
        said.append("no nosniff")
    bodiless = attempt.method == "HEAD" or not answer.body
    if answer.status == 429 and "retry-after" not in answer.headers:
        said.append("429 without Retry-After")
    if answer.status >= 400 and not bodiless:
        said += _of_a_problem(answer)
    if answer.status >= 400 and not answer.body and attempt.method != "HEAD":
        said.append(f"{answer.status} without a problem")
    return said


def _is_nosniff(answer: Answer) -> bool:
    return answer.headers.get("x-content-type-options") == "nosniff"


def _of_a_problem(answer: Answer) -> list[str]:
    if answer.headers.get("content-type") != "application/problem+json":
        return [f"{answer.status} is {answer.headers.get('content-type')}"]
    problem = json.loads(answer.body)
    said = []
    if problem["code"] not in _codes():
        said.append(f"code {problem['code']!r} has no page")
    if problem["status"] != answer.status:
        said.append("the status in the problem is another")
    replayed = "idempotency-replayed" in answer.headers  # word for word, as it was
    if not replayed and problem["request_id"] != answer.headers["request-id"]:
        said.append("the request id in the problem is another")
    return said


def _codes() -> set[str]:
    return {error.code for error in list_problem_types()}


def complaints_of_log(lines: list[str], farm: Farm) -> list[str]:
    """Name what must not stand in the log."""
    said = []
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            if not _OF_LIBTIFF.fullmatch(line):
                said.append(f"a line that is no event: {line[:300]!r}")
            continue
        if "exception" in told or told["event"] == "forged":
            said.append(f"logged: {line[-1500:]}")
        if any(secret in line for secret in farm.secrets):
            said.append(f"a secret in the log: {told['event']}")
    return said
