"""/v1/jobs: submit, look, list, change."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Literal

from flask import Response, request
from pydantic import AwareDatetime, BeforeValidator, Field

from api.answers import answer, job_answer, next_link
from api.auth import current_owner_id
from api.blocking import held_answer, submitted_answer
from api.bodies import ChangeBody
from api.creating import creates
from api.dropped import drop_blobs
from api.finding import JobPath, find_job, require_job_id
from api.form_schemas import JobForm, JobJson
from api.json_bodies import JSON
from api.openapi import UNCHANGED, Query, delete, get, make_blueprint, patch, post
from api.paging import PageQuery, turn
from api.presenters import present, present_all
from api.schemas import JobObject, JobPage
from api.services import current_services
from api.stored_jobs import submit_stored
from api.submission import submit
from api.verb_requests import change_request
from shared import jobs
from shared.kinds import JobKind
from shared.states import JobState

blueprint = make_blueprint("jobs", "Pictures to be made, being made, and made.")


_NO_ZERO = r"^[^\x00]*$"  # which a database would not take
_ID = r"^[A-Za-z0-9_]*$"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def _date_time(text: object) -> object:
    """Let nothing but RFC 3339 through: pydantic would take "0.5" for seconds."""
    if not isinstance(text, str) or not _DATE_TIME.match(text):
        raise ValueError("must be a time with its zone (RFC 3339)")
    return text


_Time = Annotated[AwareDatetime, BeforeValidator(_date_time)]


class JobsQuery(PageQuery):
    """Which jobs."""

    state: JobState | None = None
    kind: JobKind | None = None
    tag: str | None = Field(default=None, max_length=64, pattern=_NO_ZERO)
    parent_id: str | None = Field(default=None, max_length=40, pattern=_ID)
    q: str | None = Field(
        default=None,
        max_length=200,
        pattern=_NO_ZERO,
        description="words that are all in the name, in whatever order",
    )
    created_after: _Time | None = None
    created_before: _Time | None = None

    def filters(self) -> jobs.Filters:
        """Say it as `shared.jobs` does."""
        after, before = self.created_after, self.created_before
        return jobs.Filters(
            state=self.state,
            kind=self.kind,
            parent_id=self.parent_id,
            tag=self.tag,
            text=self.q,
            created_after=None if after is None else after.timestamp(),
            created_before=None if before is None else before.timestamp(),
        )


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
    database, filters = current_services().database, query.filters()
    read = partial(jobs.list_jobs, database, current_owner_id(), filters=filters)
    page, following = turn(query, "jobs", read)
    data = present_all(database, page)
    response = answer(JobPage(data=data, next_cursor=following))
    next_link(response, "/v1/jobs", query.known(), following)
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

    If-Match takes the job's revision. 202: the worker begins with it at the next
    iteration, and `segments` tells at which.
    """
    database = current_services().database
    find_job(path.job_id)
    wanted = change_request(request, database.time)
    said = jobs.change(database, current_owner_id(), path.job_id, wanted)
    job = present(database, find_job(path.job_id))
    return job_answer(job, 200 if said.done else 202)


@delete(blueprint, "/v1/jobs/<job_id>", s204="", s404=None, s409=None, s410=None)
def delete_job(path: JobPath) -> Response:
    """Delete a job that is over, with all that it made; then it answers 410."""
    services = current_services()
    find_job(path.job_id)
    keys = jobs.delete_job(services.database, current_owner_id(), path.job_id)
    drop_blobs(services, keys)
    return Response(status=204)
