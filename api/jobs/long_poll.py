"""Long polls: requests held open until the view of a job changes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Response, request

from api.auth.authenticate import KEY_NO_LONGER_VALID, current_key_id
from api.http.prefer import parse_wait_seconds
from api.job_view.etag import JobETag
from api.job_view.lookup import find_job
from api.job_view.responses import job_response, view_response
from api.job_view.serializer import serialize_job
from api.watch.message import PROGRESS
from api.watch.subscription import SubscriptionFilter
from shared.errors import TooManyStreams, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.dependencies import Dependencies
    from api.job_view.view_cache import JobView
    from api.watch.message import Message
    from api.watch.subscription import Subscription

_STEP_PERCENT = 5  # less progress does not end a long poll


def poll_job(
    dependencies: Dependencies, owner_id: str, job_id: str, *, until_terminal: bool
) -> Response:
    """Respond with a job once it changes, or when the preferred wait has passed.

    Args:
        dependencies: Dependencies of the app.
        owner_id: Owner of the job.
        job_id: Id of the job.
        until_terminal: Whether only a terminal state ends the wait.

    Raises:
        JobNotFound: The owner has no such job.
        TooManyStreams: No slot for a stream or long poll is free.
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    seconds = parse_wait_seconds(request.headers.get("Prefer", ""))
    view = dependencies.view_cache.get_view(owner_id, job_id)
    if seconds == 0:
        return view_response(dependencies.view_cache, view)
    known_etag = None if until_terminal else _known_etag(view)
    if _has_changed(view, known_etag, until_terminal=until_terminal):
        return view_response(dependencies.view_cache, view)
    with _subscribed(dependencies, owner_id, job_id) as subscription:
        view = _wait_for_change(dependencies, view, known_etag, subscription, seconds)
    response = view_response(dependencies.view_cache, view)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def respond_to_submission(
    dependencies: Dependencies, owner_id: str, job_id: str, *, reused: bool = False
) -> Response:
    """Respond to a submission: 200 if the job was reused or ends in time, else 202.

    The job is submitted in any case: without a free slot for a long poll, or once the
    key is revoked, the response is sent without waiting further.
    """
    seconds, is_terminal = parse_wait_seconds(request.headers.get("Prefer", "")), False
    if seconds > 0:
        try:
            with _subscribed(dependencies, owner_id, job_id) as subscription:
                view = dependencies.view_cache.get_view(owner_id, job_id)
                is_terminal = _wait_for_change(
                    dependencies, view, None, subscription, seconds
                ).is_terminal
        except (TooManyStreams, Unauthenticated):
            seconds = 0
    job = serialize_job(dependencies.database, find_job(job_id))
    if reused:
        job = job.model_copy(update={"reused": True})
    response = job_response(job, 200 if is_terminal or reused else 202)
    if seconds > 0:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


@contextmanager
def _subscribed(
    dependencies: Dependencies, owner_id: str, job_id: str
) -> Iterator[Subscription]:
    job_ids = frozenset({job_id})
    subscription_filter = SubscriptionFilter(
        owner_id, job_ids, includes_revisions=True, key_id=current_key_id()
    )
    release = dependencies.stream_slots.take(owner_id)
    try:
        with dependencies.watcher.subscribe(subscription_filter) as subscription:
            yield subscription
    finally:
        release()


def _known_etag(view: JobView) -> JobETag | None:
    """Return the version of the job that If-None-Match names; None if it names none."""
    tags = request.if_none_match
    if tags.contains_weak(str(view.etag)):
        return view.etag
    # Werkzeug reads the empty tag, which is a valid one, as None.
    etags = (JobETag.parse(tag) for tag in tags.as_set(include_weak=True) if tag)
    return next(filter(None, etags), None)


def _has_changed(
    view: JobView, known_etag: JobETag | None, *, until_terminal: bool
) -> bool:
    if view.is_terminal or until_terminal:
        return view.is_terminal
    return known_etag is None or _is_newer(view, known_etag)


def _is_newer(view: JobView, known_etag: JobETag) -> bool:
    percent_gained = view.etag.percent - known_etag.percent
    return view.etag.revision != known_etag.revision or percent_gained >= _STEP_PERCENT


def _wait_for_change(
    dependencies: Dependencies,
    view: JobView,
    known_etag: JobETag | None,
    subscription: Subscription,
    seconds: int,
) -> JobView:
    """Wait until the view differs from the known one; if that is None, until terminal.

    Raises:
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    deadline = time.monotonic() + seconds
    is_first = True
    while not subscription.is_ended and (remaining := deadline - time.monotonic()) > 0:
        # The first time without an event: the job may have changed before
        # the subscription.
        if is_first or any(
            _may_change_answer(event, known_etag)
            for event in subscription.take(remaining)
        ):
            view = dependencies.view_cache.get_view(view.owner_id, view.version.job_id)
            if _has_changed(view, known_etag, until_terminal=known_etag is None):
                return view
        is_first = False
    if subscription.is_expired:
        raise Unauthenticated(KEY_NO_LONGER_VALID)
    return dependencies.view_cache.get_view(view.owner_id, view.version.job_id)


def _may_change_answer(message: Message, known_etag: JobETag | None) -> bool:
    if message.kind != PROGRESS:
        return True
    percent = message.percent or 0
    return known_etag is not None and percent - known_etag.percent >= _STEP_PERCENT
