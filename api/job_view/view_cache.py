"""Views of jobs: their version, and their JSON, cached until the version changes.

Most polls are answered from the version, which is a short read of the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from api.job_view.queue_place import serialize_queue_place
from api.job_view.segments import plan_segments
from api.job_view.serializer import (
    poll_seconds_of_version,
    serialize_job,
    serialize_progress,
)
from shared.queries.details import load_details
from shared.queries.jobs import JobVersion, get_job, read_job_version
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.job_view.schemas import Progress, QueuePlace
    from shared.db.database import Database
    from shared.queries.events import RunningJob

_CACHE_SIZE = 512  # a job is some kilobytes of JSON
_STAGES_CACHE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class JobView:
    """State of a job as the API shows it, without the job object.

    Attributes:
        owner_id: Owner of the job.
        row: The part of the row that was read.
        poll_seconds: Seconds after which to poll again, or None if the job has ended.
    """

    owner_id: str
    row: JobVersion
    poll_seconds: int | None

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended; then only retention and deletion change it."""
        return self.row.state in TERMINAL


class ViewCache:
    """Reader of job views, shared by all threads of a process.

    Args:
        database: Database that views are read from.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._json: LRUCache[str, tuple[JobVersion, str]] = LRUCache(_CACHE_SIZE)
        self._lock = Lock()
        # The stages of a job change only with its revision, which is part of the key.
        self._stages = lru_cache(_STAGES_CACHE_SIZE)(self._read_stages)

    def get_view(self, owner_id: str, job_id: str) -> JobView:
        """Read the view of a job.

        Raises:
            JobNotFound: The owner has no such job.
        """
        row = read_job_version(self._database, owner_id, job_id)
        progress = self.job_progress(owner_id, row)
        queue_place = self._queue_place(owner_id, row)
        seconds = poll_seconds_of_version(row, queue_place, progress)
        return JobView(owner_id, row, seconds)

    def _queue_place(self, owner_id: str, row: JobVersion) -> QueuePlace | None:
        """Read the queue place, which depends on more than the row of the job."""
        if row.state != JobState.QUEUED:
            return None
        job = get_job(self._database, owner_id, row.job_id)
        return serialize_queue_place(job, load_details(self._database, [job]))

    def job_json(self, view: JobView) -> str:
        """Return the job object as JSON, from the cache or from the database.

        Raises:
            JobNotFound: The job was deleted meanwhile.
        """
        job_id = view.row.job_id
        with self._lock:
            cached = self._json.get(job_id)
        if cached is not None and cached[0] == view.row:
            return cached[1]
        job = get_job(self._database, view.owner_id, job_id)
        text = serialize_job(self._database, job).model_dump_json()
        if view.row.state != JobState.QUEUED:  # its start changes with time alone
            with self._lock:
                self._json[job_id] = (view.row, text)
        return text

    def job_progress(
        self, owner_id: str, row: JobVersion | RunningJob
    ) -> Progress | None:
        """Return the progress of a job, or None before its first claim.

        Raises:
            JobNotFound: The job was deleted meanwhile.
        """
        if row.progress is None:
            return None
        stages = self._stages(owner_id, row.job_id, row.revision)
        return serialize_progress(row, stages)

    def _read_stages(
        self, owner_id: str, job_id: str, _revision: int
    ) -> Sequence[tuple[int, int]]:
        job = get_job(self._database, owner_id, job_id)
        return plan_segments(job, load_details(self._database, [job])).stages
