"""Views of /v1/jobs: submit, read, list, change and delete jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response, request
from pydantic import Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.header_sets import ETAG, IF_MATCH, JOB, NEXT_PAGE, POLL, TRACE, WAIT
from api.http.pagination import Query, read_page
from api.http.responses import add_next_link, page_response
from api.http.routes import delete, get, make_blueprint, patch, post
from api.idempotency import idempotent
from api.job_view.lookup import JobPath, find_job, require_job_id
from api.job_view.responses import job_response
from api.job_view.schemas import JobObject, JobPage
from api.job_view.serializer import read_job_objects
from api.jobs.actions import read_change
from api.jobs.filters import JobsQuery  # noqa: TC001 - read_parameters reads the annotations
from api.jobs.long_poll import poll_job, respond_to_submission
from api.jobs.request_schemas import ChangeBody, JobForm, JobRequest
from api.jobs.submission import submit_style_job
from shared.jobs.deletion import purge_job
from shared.jobs.steering import update_job
from shared.queries.listing import MAX_COUNTED, count_jobs, query_jobs
from shared.storage import delete_blobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.models.jobs import Job

blueprint = make_blueprint("jobs", "Jobs: submit, list, read and delete them.")


class JobQuery(Query):
    """Query parameters of a job: the event that a long poll waits for."""

    until: Literal["terminal"] | None = Field(
        default=None,
        description="with `Prefer: wait`: wait for the end of the job, not for the "
        "next change",
    )


@post(
    blueprint, "/v1/jobs", JOB, WAIT, TRACE, form=JobForm, json=JobRequest,
    s200=JobObject, s202=JobObject,
)  # fmt: skip
@idempotent
def submit_job() -> Response:
    """Submit a job: a photo, one or more paintings, parameters.

    The body is a form with the pictures, or JSON that refers to uploaded assets. 200:
    with `reuse`, an equal job was found. `Prefer: wait=N` waits up to N seconds, at
    most 60, for the end of the job: 200 if it ends in time, else 202.
    """
    dependencies, owner_id = current_dependencies(), current_owner_id()
    submitted = submit_style_job(dependencies, owner_id, request)
    return respond_to_submission(
        dependencies, owner_id, submitted.job_id, reused=submitted.reused
    )


@get(blueprint, "/v1/jobs", NEXT_PAGE, s200=JobPage, s400=None)
def list_jobs(query: JobsQuery) -> Response:
    """List jobs, newest first."""
    database, owner_id = current_dependencies().database, current_owner_id()

    def read(
        page_query: JobsQuery, limit: int, before: tuple[float, str] | None
    ) -> Sequence[Job]:
        return query_jobs(database, owner_id, limit, before, page_query.filters())

    page = read_page(query, owner_id, "jobs", read)
    count = None
    if query.count:
        count = count_jobs(database, owner_id, page.query.filters())
    fields = page.query.fields
    with_queue = not fields or "queue" in fields
    body = JobPage(
        data=read_job_objects(database, page.rows, with_queue=with_queue),
        next_cursor=page.next_cursor,
        count=count,
        count_is_capped=None if count is None else count == MAX_COUNTED,
    )
    response = page_response(body, fields)
    add_next_link(response, "/v1/jobs", page.query.link_params(), page.next_cursor)
    return response


@get(blueprint, "/v1/jobs/<job_id>", ETAG, POLL, WAIT, s200=JobObject)
def show_job(path: JobPath, query: JobQuery) -> Response:
    """Get a job; with If-None-Match, only if it has changed.

    `Prefer: wait=N` waits up to N seconds, at most 60, until the version differs from
    If-None-Match; with `until=terminal`, until the job has ended. 304: the job has not
    changed. Retry-After says when to poll again.
    """
    require_job_id(path.job_id)
    return poll_job(
        current_dependencies(),
        current_owner_id(),
        path.job_id,
        until_terminal=query.until is not None,
    )


@patch(
    blueprint, "/v1/jobs/<job_id>", JOB, IF_MATCH, json=ChangeBody, s200=JobObject,
    s202=JobObject, s412=None, s428=None,
)  # fmt: skip
def change_job(path: JobPath) -> Response:
    """Change weights, iterations, priority, name or tags; parameters need If-Match.

    If-Match contains the revision of the job. A request with only name, tags and
    metadata is accepted in every state; other changes only until the job has ended.
    202: the worker applies the change at the next iteration, and `segments` says at
    which.
    """
    database = current_dependencies().database
    find_job(path.job_id)
    change = read_change(request, database.time)
    outcome = update_job(database, current_owner_id(), path.job_id, change)
    return job_response(find_job(path.job_id), 200 if outcome.done else 202)


@delete(blueprint, "/v1/jobs/<job_id>", s204="")
def delete_job(path: JobPath) -> Response:
    """Delete a job that has ended, with all of its files; later requests get 410."""
    dependencies = current_dependencies()
    find_job(path.job_id)
    keys = purge_job(dependencies.database, current_owner_id(), path.job_id)
    delete_blobs(dependencies.storage, keys)
    return Response(status=204)
