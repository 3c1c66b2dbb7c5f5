"""Long polls: requests held open until a job has another version."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Response, request

from api.auth.authenticate import KEY_NO_LONGER_VALID, current_key_id
from api.http.prefer import parse_wait_seconds
from api.job_view.lookup import find_job
from api.job_view.responses import job_response
from api.watch.message import VERSION
from api.watch.subscription import SubscriptionFilter
from shared.errors import TooManyStreams, Unauthenticated
from shared.queries.jobs import read_job_version
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.dependencies import Dependencies
    from api.job_view.view_cache import JobView
    from shared.queries.jobs import JobVersion


def poll_job(
    dependencies: Dependencies, owner_id: str, job_id: str, *, until_terminal: bool
) -> Response:
    """Respond with a job when it changes, or after the preferred wait.

    Args:
        dependencies: Dependencies of the app.
        owner_id: Owner of the job.
        job_id: Id of the job.
        until_terminal: True to wait for a terminal state instead of the next change.

    Raises:
        JobNotFound: The owner has no such job.
        TooManyStreams: No slot for a stream or long poll is free.
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    seconds = parse_wait_seconds(request.headers.get("Prefer", ""))
    view = dependencies.view_cache.get_view(owner_id, job_id, _is_known)
    shown = view.version.version
    if (
        seconds == 0
        or view.version.state in TERMINAL
        or not (until_terminal or _is_known(shown))
    ):
        return _view_response(view)

    def is_awaited(now: JobVersion) -> bool:
        has_changed = not until_terminal and now.version != shown
        return now.state in TERMINAL or has_changed

    _wait(dependencies, owner_id, job_id, seconds, is_awaited)
    response = _view_response(
        dependencies.view_cache.get_view(owner_id, job_id, _is_known)
    )
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def respond_to_submission(
    dependencies: Dependencies, owner_id: str, job_id: str, *, reused: bool = False
) -> Response:
    """Respond to a submission: 200 if the job was reused or ends in time, else 202.

    The job is submitted in any case. If no slot for a long poll is free, or the key is
    revoked, the response is sent without further waiting.
    """
    seconds = parse_wait_seconds(request.headers.get("Prefer", ""))
    if seconds > 0:
        try:
            _wait(
                dependencies,
                owner_id,
                job_id,
                seconds,
                lambda now: now.state in TERMINAL,
            )
        except (TooManyStreams, Unauthenticated):
            seconds = 0
    job = find_job(job_id)
    has_ended = seconds > 0 and job.state in TERMINAL
    response = job_response(
        job,
        200 if has_ended or reused else 202,
        reused=reused,
    )
    if seconds > 0:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def _view_response(view: JobView) -> Response:
    """Respond with a job view, or with 304 if the client has its version."""
    version = view.version.version
    if _is_known(version):
        response = Response(status=304)
    else:
        response = Response(view.json, mimetype="application/json")
    headers = [("ETag", f'W/"{version}"'), ("Cache-Control", "private, no-cache")]
    if view.poll_seconds is not None:
        headers.append(("Retry-After", str(view.poll_seconds)))
    response.headers.extend(headers)
    return response


def _is_known(version: int) -> bool:
    """Return whether the client has this version of the job, by If-None-Match."""
    return request.if_none_match.contains_weak(str(version))


def _wait(
    dependencies: Dependencies,
    owner_id: str,
    job_id: str,
    seconds: int,
    is_awaited: Callable[[JobVersion], bool],
) -> None:
    """Wait until `is_awaited` is true of a job's version, or the seconds have passed.

    Raises:
        TooManyStreams: No slot for a stream or long poll is free.
        Unauthenticated: The key was revoked meanwhile, or has expired.
    """
    deadline = time.monotonic() + seconds
    subscription_filter = SubscriptionFilter(
        owner_id, frozenset({job_id}), includes_versions=True, key_id=current_key_id()
    )
    release = dependencies.stream_slots.take(owner_id)
    try:
        with dependencies.watcher.subscribe(subscription_filter) as subscription:
            may_have_changed = True  # the job may have changed before the subscription
            while not subscription.is_ended:
                if may_have_changed and is_awaited(
                    read_job_version(dependencies.database, owner_id, job_id)
                ):
                    return
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return
                messages = subscription.take(remaining)
                may_have_changed = any(item.kind == VERSION for item in messages)
            if subscription.is_expired:
                raise Unauthenticated(KEY_NO_LONGER_VALID)
    finally:
        release()
