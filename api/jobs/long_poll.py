"""Requests that are held open until there is something new to say of a job."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Response, request

from api.auth.authenticate import KEY_LAPSED, current_key_id
from api.http.prefer import wanted_wait_seconds
from api.job_view.etag import Mark
from api.job_view.lookup import find_job
from api.job_view.responses import job_answer, look_answer
from api.job_view.serializer import present
from api.watch.message import PROGRESS
from api.watch.subscription import Scope
from shared.errors import TooManyStreams, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.dependencies import Services
    from api.job_view.view_cache import Look
    from api.watch.message import News
    from api.watch.subscription import Watch

_STEP_PERCENT = 5  # less progress is no news worth an answer


def held_answer(
    services: Services, owner_id: str, job_id: str, *, until_over: bool
) -> Response:
    """Answer a look at a job, as late as the client prefers.

    Args:
        services: Of the app.
        owner_id: Whose job.
        job_id: Which.
        until_over: Whether only its end is news.

    Raises:
        JobNotFound: The owner has no such job.
        TooManyStreams: As many are open as can be.
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    seconds = wanted_wait_seconds(request.headers.get("Prefer", ""))
    look = services.looks.look(owner_id, job_id)
    if seconds == 0:
        return look_answer(services.looks, look)
    seen = None if until_over else _seen(look)
    if _is_news(look, seen, until_over=until_over):
        return look_answer(services.looks, look)
    with _watching(services, owner_id, job_id) as watch:
        look = _wait(services, look, seen, watch, seconds)
    response = look_answer(services.looks, look)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def submitted_answer(
    services: Services, owner_id: str, job_id: str, *, reused: bool = False
) -> Response:
    """Answer a submission: 200 if the job was there, or is over in time, else 202.

    Where no place is left for one more to wait, it does not: the job is taken anyway.
    Nor does it wait on once its key has been revoked.
    """
    seconds, over = wanted_wait_seconds(request.headers.get("Prefer", "")), False
    if seconds > 0:
        try:
            with _watching(services, owner_id, job_id) as watch:
                look = services.looks.look(owner_id, job_id)
                over = _wait(services, look, None, watch, seconds).is_over
        except (TooManyStreams, Unauthenticated):
            seconds = 0
    job = present(services.database, find_job(job_id))
    if reused:
        job = job.model_copy(update={"reused": True})
    response = job_answer(job, 200 if over or reused else 202)
    if seconds > 0:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


@contextmanager
def _watching(services: Services, owner_id: str, job_id: str) -> Iterator[Watch]:
    named = frozenset({job_id})
    scope = Scope(owner_id, named, touches=True, key_id=current_key_id())
    give_back = services.places.take(owner_id)
    try:
        with services.lookout.watch(scope) as watch:
            yield watch
    finally:
        give_back()


def _seen(look: Look) -> Mark | None:
    """What the client says it has seen of a job; None: nothing."""
    tags = request.if_none_match
    if tags.contains_weak(str(look.mark)):
        return look.mark
    # Werkzeug reads the empty tag, which is a valid one, as None.
    marks = (Mark.read(tag) for tag in tags.as_set(include_weak=True) if tag)
    return next(filter(None, marks), None)


def _is_news(look: Look, seen: Mark | None, *, until_over: bool) -> bool:
    if look.is_over or until_over:
        return look.is_over
    return seen is None or _differs(look, seen)


def _differs(look: Look, seen: Mark) -> bool:
    further = look.mark.percent - seen.percent
    return look.mark.revision != seen.revision or further >= _STEP_PERCENT


def _wait(
    services: Services, look: Look, seen: Mark | None, watch: Watch, seconds: int
) -> Look:
    """Wait until the job differs from what was seen, or, if that is None, is over.

    Raises:
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    end = time.monotonic() + seconds
    first = True
    while not watch.over and (left := end - time.monotonic()) > 0:
        # The first time without news: things may have happened before the watch began.
        if first or any(_may_matter(one, seen) for one in watch.take(left)):
            look = services.looks.look(look.owner_id, look.glance.job_id)
            if _is_news(look, seen, until_over=seen is None):
                return look
        first = False
    if watch.lapsed:
        raise Unauthenticated(KEY_LAPSED)
    return services.looks.look(look.owner_id, look.glance.job_id)


def _may_matter(news: News, seen: Mark | None) -> bool:
    if news.kind != PROGRESS:
        return True
    percent = news.percent or 0
    return seen is not None and percent - seen.percent >= _STEP_PERCENT
