"""Long polls: requests held open until a job has another version."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Response, request

from api.auth.authenticate import KEY_NO_LONGER_VALID, current_key_id
from api.http.prefer import parse_wait_seconds
from api.job_view.lookup import find_job
from api.job_view.responses import is_known, job_response, view_response
from api.job_view.serializer import serialize_job
from api.watch.message import VERSION
from api.watch.subscription import SubscriptionFilter
from shared.errors import TooManyStreams, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.dependencies import Dependencies
    from api.job_view.view_cache import JobView
    from api.watch.subscription import Subscription


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
    waits_for_change = until_terminal or is_known(view)
    if seconds == 0 or view.is_terminal or not waits_for_change:
        return view_response(dependencies.view_cache, view)
    with _subscribed(dependencies, owner_id, job_id) as subscription:
        view = _wait_for_change(
            dependencies, view, subscription, seconds, until_terminal=until_terminal
        )
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
                    dependencies, view, subscription, seconds, until_terminal=True
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
        owner_id, job_ids, includes_versions=True, key_id=current_key_id()
    )
    release = dependencies.stream_slots.take(owner_id)
    try:
        with dependencies.watcher.subscribe(subscription_filter) as subscription:
            yield subscription
    finally:
        release()


def _wait_for_change(
    dependencies: Dependencies,
    view: JobView,
    subscription: Subscription,
    seconds: int,
    *,
    until_terminal: bool,
) -> JobView:
    """Wait until a job has another version than this view, or until it is terminal.

    Raises:
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    deadline = time.monotonic() + seconds
    job_id, known_version = view.row.job_id, view.row.version
    is_first = True
    while not subscription.is_ended and (remaining := deadline - time.monotonic()) > 0:
        # The first time without a message: the job may have changed before
        # the subscription.
        if is_first or any(
            message.kind == VERSION for message in subscription.take(remaining)
        ):
            view = dependencies.view_cache.get_view(view.owner_id, job_id)
            has_changed = not until_terminal and view.row.version != known_version
            if view.is_terminal or has_changed:
                return view
        is_first = False
    if subscription.is_expired:
        raise Unauthenticated(KEY_NO_LONGER_VALID)
    return dependencies.view_cache.get_view(view.owner_id, job_id)
