"""/v1/jobs: submit, look, list, change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response, request
from pydantic import Field

from api.assets.service import drop_blobs
from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.json_body import JSON
from api.http.pagination import Query, read_page
from api.http.responses import answer, next_link
from api.http.routes import UNCHANGED, delete, get, make_blueprint, patch, post
from api.idempotency import creates
from api.job_view.lookup import JobPath, find_job, require_job_id
from api.job_view.responses import job_answer
from api.job_view.schemas import JobObject, JobPage
from api.job_view.serializer import present, present_all
from api.jobs.actions import change_request
from api.jobs.filters import JobsQuery  # noqa: TC001 - flask-openapi reads the annotations
from api.jobs.long_poll import held_answer, submitted_answer
from api.jobs.request_schemas import ChangeBody, JobForm, JobJson
from api.jobs.submission import submit, submit_stored
from shared.jobs.deletion import remove_job
from shared.jobs.steering import update_job
from shared.queries.listing import MAX_COUNTED, count_jobs, query_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.models.jobs import Job

blueprint = make_blueprint("jobs", "Pictures to be made, being made, and made.")


class JobQuery(Query):
    """What to wait for."""

    until: Literal["terminal"] | None = Field(
        default=None, description="with `Prefer: wait`: its end, whatever is new before"
    )


@post(
    blueprint, "/v1/jobs", JobForm, JobJson, s200=JobObject, s202=JobObject, s400=None,
    s409=None, s413=None, s415=None, s429=None, s503=None,
)  # fmt: skip
@creates
def submit_job() -> Response:
    """Submit a job: a photo, one or more paintings, parameters.

    As a form with the pictures, or as JSON that names pictures sent before. 200: with
    `reuse`, an equal job was there. `Prefer: wait=N` holds the answer for up to N
    seconds, 60 at most: 200 if the job is over by then, else 202 as ever.
    """
    services, owner_id = current_services(), current_owner_id()
    take = submit_stored if request.mimetype == JSON else submit
    said = take(services, owner_id, request)
    return submitted_answer(services, owner_id, said.job_id, reused=said.reused)


@get(blueprint, "/v1/jobs", s200=JobPage, s400=None)
def list_jobs(query: JobsQuery) -> Response:
    """List jobs, newest first."""
    database, owner_id = current_services().database, current_owner_id()

    def read(
        asked: JobsQuery, limit: int, before: tuple[float, str] | None
    ) -> Sequence[Job]:
        return query_jobs(database, owner_id, limit, before, asked.filters())

    page = read_page(query, owner_id, "jobs", read)
    counted = None
    if query.count:
        counted = count_jobs(database, owner_id, page.query.filters())
    body = JobPage(
        data=present_all(database, page.rows),
        next_cursor=page.following,
        count=counted,
        count_is_capped=None if counted is None else counted == MAX_COUNTED,
    )
    response = answer(body)
    next_link(response, "/v1/jobs", page.query.known(), page.following)
    return response


@get(blueprint, "/v1/jobs/<job_id>", s200=JobObject, s304=UNCHANGED, s404=None,
     s410=None, s429=None)  # fmt: skip
def show_job(path: JobPath, query: JobQuery) -> Response:
    """Look at a job; with If-None-Match, only at what is new.

    `Prefer: wait=N` holds the answer for up to N seconds, 60 at most, until there is a
    new revision or 5 % more progress than the ETag in If-None-Match knows of; with
    `until=terminal`, until the job is over. 304: nothing is new. Retry-After says when
    to ask again.
    """
    require_job_id(path.job_id)
    return held_answer(
        current_services(),
        current_owner_id(),
        path.job_id,
        until_over=query.until is not None,
    )


@patch(
    blueprint, "/v1/jobs/<job_id>", ChangeBody, s200=JobObject, s202=JobObject,
    s400=None, s404=None, s409=None, s412=None, s413=None, s415=None, s428=None,
)  # fmt: skip
def change_job(path: JobPath) -> Response:
    """Change weights, iterations, name, priority; parameters need If-Match.

    If-Match takes the job's revision, or the ETag of a look at it. 202: the worker
    begins with it at the next iteration, and `segments` tells at which.
    """
    database = current_services().database
    find_job(path.job_id)
    wanted = change_request(request, database.time)
    said = update_job(database, current_owner_id(), path.job_id, wanted)
    job = present(database, find_job(path.job_id))
    return job_answer(job, 200 if said.done else 202)


@delete(blueprint, "/v1/jobs/<job_id>", s204="", s404=None, s409=None, s410=None)
def delete_job(path: JobPath) -> Response:
    """Delete a job that is over, with all that it made; then it answers 410."""
    services = current_services()
    find_job(path.job_id)
    keys = remove_job(services.database, current_owner_id(), path.job_id)
    drop_blobs(services, keys)
    return Response(status=204)
