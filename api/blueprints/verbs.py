"""/v1/jobs/{id}/...: what may be asked of a job, by its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from api.answers import job_answer
from api.auth import current_owner_id
from api.bodies import CancelBody, ExtendBody, ForkBody, RetryBody
from api.creating import creates
from api.dropped import drop_blobs
from api.finding import JobPath, find_job
from api.json_bodies import json_object
from api.openapi import make_blueprint, post
from api.presenters import present
from api.replays import current_once, recognize
from api.ringing import ring
from api.schemas import JobObject
from api.services import current_services
from api.submission import limits_of
from api.verb_requests import (
    extend_request,
    fork_request,
    require_no_body,
    starts_anew,
    wants_purge,
)
from shared import jobs
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.db import Database
    from shared.states import Answer

blueprint = make_blueprint("verbs", "What may be asked of a job, by its state.")


@post(
    blueprint, "/v1/jobs/<job_id>/cancel", json=CancelBody, s200=JobObject,
    s202=JobObject, s204="", s400=None, s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def cancel_job(path: JobPath) -> Response:
    """Stop a job for good: at once while it waits, else at the next iteration.

    What it has made is kept, as that of any job that is over. With `"purge": true` it
    is deleted too: 204 says at once, 202 as soon as its worker has let go.
    """
    find_job(path.job_id)
    if not wants_purge(request):
        return _ask(path.job_id, jobs.cancel)
    services, owner_id = current_services(), current_owner_id()
    said, keys = jobs.cancel_and_purge(services.database, owner_id, path.job_id)
    drop_blobs(services, keys)
    if said.done:
        return Response(status=204)
    return job_answer(present(services.database, find_job(path.job_id)), 202)


@post(
    blueprint, "/v1/jobs/<job_id>/pause", s200=JobObject, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def pause_job(path: JobPath) -> Response:
    """Free the device, and keep a checkpoint and the place in line."""
    return _ask_plainly(path.job_id, jobs.pause)


@post(
    blueprint, "/v1/jobs/<job_id>/resume", s200=JobObject, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def resume_job(path: JobPath) -> Response:
    """Let a paused job go on from its checkpoint."""
    return _ask_plainly(path.job_id, jobs.resume)


@post(
    blueprint, "/v1/jobs/<job_id>/finish", s200=JobObject, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def finish_job(path: JobPath) -> Response:
    """Stop now and keep the picture as it is: the job succeeds, early."""
    return _ask_plainly(path.job_id, jobs.finish)


@post(
    blueprint, "/v1/jobs/<job_id>/fork", json=ForkBody, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None, s429=None,
)  # fmt: skip
@creates
def fork_job(path: JobPath) -> Response:
    """Make a new job from a checkpoint of this one, with other weights from there."""
    _begin(path.job_id)
    wanted = fork_request(request)

    def make(database: Database, owner_id: str, limits: jobs.Limits) -> str:
        once, of = current_once(), path.job_id
        return jobs.fork(database, owner_id, of, wanted, limits, once)

    return _branch(make)


@post(
    blueprint, "/v1/jobs/<job_id>/extend", json=ExtendBody, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None, s429=None,
)  # fmt: skip
@creates
def extend_job(path: JobPath) -> Response:
    """Make a new job that adds iterations to this one, which has succeeded."""
    _begin(path.job_id)
    iterations = extend_request(request)

    def make(database: Database, owner_id: str, limits: jobs.Limits) -> str:
        once, of = current_once(), path.job_id
        return jobs.extend(database, owner_id, of, iterations, limits, once)

    return _branch(make)


@post(
    blueprint, "/v1/jobs/<job_id>/retry", json=RetryBody, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None, s429=None,
)  # fmt: skip
@creates
def retry_job(path: JobPath) -> Response:
    """Make a new job that tries this one again, from its last checkpoint."""
    _begin(path.job_id)
    anew = starts_anew(request)

    def make(database: Database, owner_id: str, limits: jobs.Limits) -> str:
        once, of = current_once(), path.job_id
        return jobs.retry(database, owner_id, of, limits, once, from_start=anew)

    return _branch(make)


def _ask_plainly(job_id: str, verb: Callable[[Database, str, str], Answer]) -> Response:
    find_job(job_id)
    require_no_body(request)
    return _ask(job_id, verb)


def _ask(job_id: str, verb: Callable[[Database, str, str], Answer]) -> Response:
    services = current_services()
    said = verb(services.database, current_owner_id(), job_id)
    job = find_job(job_id)
    if job.state == JobState.QUEUED and not said.done:
        ring(services, job_id)
    return job_answer(present(services.database, job), 200 if said.done else 202)


def _begin(job_id: str) -> None:
    """Find the job, and see whether this has been asked before."""
    find_job(job_id)
    recognize(json_object(request))


def _branch(make: Callable[[Database, str, jobs.Limits], str]) -> Response:
    services = current_services()
    child_id = make(services.database, current_owner_id(), limits_of(services))
    ring(services, child_id)
    return job_answer(present(services.database, find_job(child_id)), 202)
