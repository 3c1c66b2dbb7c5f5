"""Path parameters of routes of a job, and functions that read its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.validation import is_plausible_id
from shared.errors import JobNotFound, NotFound
from shared.params.schedule import MAX_ITERATIONS
from shared.queries.jobs import get_job, get_output

if TYPE_CHECKING:
    from shared.db.models.jobs import Job, JobOutput


class JobPath(BaseModel):
    """Path parameters of routes of a job."""

    job_id: str = Field(description="id of the job")


class OutputPath(JobPath):
    """Path parameters of routes of an output."""

    name: str = Field(description="name of one of the job's `outputs`")


class FramePath(JobPath):
    """Path parameters of routes of a frame."""

    iteration: int = Field(
        ge=0,
        le=MAX_ITERATIONS,
        description="iteration in the list of frames",
    )


def find_job(job_id: str) -> Job:
    """Return a job of the caller.

    Raises:
        JobNotFound: The caller has no such job.
    """
    require_job_id(job_id)
    return get_job(current_dependencies().database, current_owner_id(), job_id)


def require_job_id(text: str) -> None:
    """Raise an error for text that cannot be the id of a job.

    Raises:
        JobNotFound: The text cannot be an id.
    """
    if not is_plausible_id(text):
        raise JobNotFound("this is not the id of a job")


def find_output(job_id: str, name: str) -> JobOutput:
    """Return the row of an output of a job of the caller.

    Raises:
        NotFound: The job has no output with this name, or not yet.
    """
    job = find_job(job_id)
    if not is_plausible_id(name.replace(".", "")):
        raise NotFound("this is not the name of an output")
    return get_output(current_dependencies().database, job.id, name)
