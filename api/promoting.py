"""A moment of a job becomes a picture of its own: in full size, or as it was shown."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from werkzeug.datastructures import FileStorage

from api.job_requests import Picture
from api.replays import current_once
from api.ringing import ring
from api.submission import Stored, inspect_all, keep_all, limits_of
from shared import jobs

if TYPE_CHECKING:
    from api.services import Services
    from shared.models import Frame


def render_again(services: Services, owner_id: str, job_id: str, iteration: int) -> str:
    """Make a job that does nothing but render a checkpoint; return its id.

    Raises:
        NoSuchCheckpoint: It went meanwhile.
        QueueFull: Too many jobs are waiting.
    """
    database = services.database
    fork = jobs.Fork(iteration, finishes=True)
    limits, once = limits_of(services), current_once()
    child_id = jobs.fork(database, owner_id, job_id, fork, limits, once)
    ring(services, child_id)
    return child_id


def keep_frame(services: Services, owner_id: str, frame: Frame) -> Stored:
    """Make an asset of a preview.

    Raises:
        StorageFull: There is no room for it.
    """
    file = FileStorage(BytesIO(services.storage.get(frame.key)))
    picture = Picture("file", 0, file)
    (kept,) = keep_all(services, owner_id, inspect_all(services, [picture]))
    return kept
