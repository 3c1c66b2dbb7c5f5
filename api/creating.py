"""Views that make something: sent again with the same key, they make it once."""

from __future__ import annotations

from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, ParamSpec

import structlog
from flask import Response

from api.answers import job_answer
from api.finding import find_job
from api.presenters import present
from api.problems import expected
from api.replays import Replay, current_once, expect, read_token
from api.services import current_services
from shared import jobs
from shared.errors import DatabaseUnavailable, ImpastoError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

log = structlog.get_logger(__name__)

REPLAYED = "Idempotency-Replayed"

# Refusals that would be the same tomorrow. Others may be sent again: the state of a
# job, a queue or a server changes.
_FINAL = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "Cache-Control")


def creates(view: Callable[P, Response]) -> Callable[P, Response]:
    """Mark a view as one that makes something, and give it Idempotency-Key.

    The view calls `replays.recognize` once it knows what is asked for, and hands
    `replays.current_once` to what makes a job. Below the decorator of its route.
    """

    @wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        expect(read_token())
        try:
            response = view(*args, **kwargs)
        except Replay as known:
            return _again(known.answer)
        except ImpastoError as error:
            _settle(expected(error))
            raise
        except Exception:
            _settle(None)
            raise
        _settle(response)
        return response

    once.replays = True  # type: ignore[attr-defined] # `openapi` documents it
    return creates_secret(once)


def creates_secret(view: Callable[P, Response]) -> Callable[P, Response]:
    """Mark a view whose answer nobody may keep: Idempotency-Key has no effect on it."""
    view.creates = True  # type: ignore[attr-defined] # `rates` counts it as a submit
    return view


def _again(answer: jobs.Answered) -> Response:
    if answer.status is None:  # the job was made, and the server died before it said so
        job = find_job(str(answer.job_id))
        response = job_answer(present(current_services().database, job), 202)
    else:
        response = Response(answer.body, answer.status, dict(answer.headers))
    response.headers[REPLAYED] = "true"
    return response


def _settle(response: Response | None) -> None:
    """Keep an answer that is final, or forget that there was a request."""
    once, database = current_once(), current_services().database
    if once is None:
        return
    try:
        if response is None or not _is_final(response):
            jobs.let_go(database, once)
            return
        kept = {
            name: response.headers[name]
            for name in _KEPT_HEADERS
            if name in response.headers
        }
        text = response.get_data(as_text=True)
        jobs.answered(
            database, once, jobs.Answered(None, response.status_code, kept, text)
        )
    except DatabaseUnavailable as error:
        # What was made is committed; who asks again gets the job as it is then.
        log.warning("answer_not_kept", error=str(error))


def _is_final(response: Response) -> bool:
    status = response.status_code
    return status < HTTPStatus.MULTIPLE_CHOICES or status in _FINAL
