"""What the caller may see, by its id: a job, or an uploaded picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from api.auth import current_owner_id
from api.services import current_services
from shared import jobs
from shared.errors import JobNotFound, NotFound
from shared.schedules import MAX_ITERATIONS

if TYPE_CHECKING:
    from shared.models import Asset, Job, JobOutput


class JobPath(BaseModel):
    """Which job."""

    job_id: str


class OutputPath(JobPath):
    """Which file of which job."""

    name: str


class FramePath(JobPath):
    """Which preview of which job."""

    iteration: int = Field(ge=0, le=MAX_ITERATIONS)


class DigestPath(BaseModel):
    """Which bytes."""

    sha256: str = Field(description="in hex")


class AssetPath(BaseModel):
    """Which uploaded picture."""

    asset_id: str


def find_job(job_id: str) -> Job:
    """Read a job of the caller.

    Raises:
        JobNotFound: There is none with this id.
    """
    require_job_id(job_id)
    return jobs.get_job(current_services().database, current_owner_id(), job_id)


def require_job_id(text: str) -> None:
    """Refuse what can be no id of a job.

    Raises:
        JobNotFound: It is none.
    """
    if not could_be_ours(text):
        raise JobNotFound("this is not the id of a job")


def find_asset(asset_id: str) -> Asset:
    """Read what is known of an uploaded picture of the caller.

    Raises:
        NotFound: There is none with this id.
    """
    if not could_be_ours(asset_id):
        raise NotFound("this is not the id of a picture")
    return jobs.get_asset(current_services().database, current_owner_id(), asset_id)


def find_asset_by_digest(sha256: str) -> Asset:
    """Read what is known of the picture of the caller that has these bytes.

    Raises:
        NotFound: The caller has none with them.
    """
    asset = None
    if could_be_ours(sha256):
        asset = jobs.find_asset(
            current_services().database, current_owner_id(), sha256.lower()
        )
    if asset is None:
        raise NotFound("you have no picture with this digest")
    return asset


def find_output(job_id: str, name: str) -> JobOutput:
    """Read what is known of a file that a job of the caller has made.

    Raises:
        NotFound: There is none of this name, or not yet.
    """
    job = find_job(job_id)
    if not could_be_ours(name.replace(".", "")):
        raise NotFound("this is not the name of an output")
    return jobs.get_output(current_services().database, job.id, name)


def could_be_ours(text: str) -> bool:
    """Keep other text from the database, which may choke on it."""
    return text.isascii() and text.replace("_", "").isalnum()
