"""Path parameters of jobs, and the caller's job that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.validation import is_plausible_id
from shared.errors import JobNotFound, NotFound
from shared.params.schedule import MAX_ITERATIONS
from shared.queries.jobs import get_job, get_output

if TYPE_CHECKING:
    from shared.db.models.jobs import Job, JobOutput


class JobPath(BaseModel):
    """Which job."""

    job_id: str


class OutputPath(JobPath):
    """Which file of which job."""

    name: str


class FramePath(JobPath):
    """Which preview of which job."""

    iteration: int = Field(ge=0, le=MAX_ITERATIONS)


def find_job(job_id: str) -> Job:
    """Read a job of the caller.

    Raises:
        JobNotFound: There is none with this id.
    """
    require_job_id(job_id)
    return get_job(current_services().database, current_owner_id(), job_id)


def require_job_id(text: str) -> None:
    """Refuse what can be no id of a job.

    Raises:
        JobNotFound: It is none.
    """
    if not is_plausible_id(text):
        raise JobNotFound("this is not the id of a job")


def find_output(job_id: str, name: str) -> JobOutput:
    """Read what is known of a file that a job of the caller has made.

    Raises:
        NotFound: There is none of this name, or not yet.
    """
    job = find_job(job_id)
    if not is_plausible_id(name.replace(".", "")):
        raise NotFound("this is not the name of an output")
    return get_output(current_services().database, job.id, name)
