"""Cache of job objects as JSON, valid while the row of the job is unchanged.

Each poll reads only the version and a few other columns of the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from api.job_view.poll_interval import poll_seconds
from api.job_view.segments import plan_segments
from api.job_view.serializer import read_job_object, serialize_progress
from shared.queries.details import load_details
from shared.queries.jobs import JobVersion, get_job, read_job_version
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from api.job_view.schemas import Progress
    from shared.db.database import Database
    from shared.queries.events import RunningJob

_CACHE_SIZE = 512  # entries of some kilobytes
_STAGES_CACHE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class JobView:
    """Job as the API shows it.

    Attributes:
        version: Columns of the row that are the key in the cache.
        json: The job object as JSON.
        poll_seconds: Seconds after which to poll again, or None if the job has ended.
    """

    version: JobVersion
    json: str
    poll_seconds: int | None


class ViewCache:
    """Reader of job views, shared by all threads of a process.

    Args:
        database: Database that views are read from.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._views: LRUCache[str, JobView] = LRUCache(_CACHE_SIZE)
        self._lock = Lock()
        # The stages of a job change only with its revision, which is part of the key.
        self._stages = lru_cache(_STAGES_CACHE_SIZE)(self._read_stages)

    def get_view(
        self, owner_id: str, job_id: str, is_known: Callable[[int], bool]
    ) -> JobView:
        """Return the view of a job.

        Args:
            owner_id: Owner of the job.
            job_id: Id of the job.
            is_known: Function that returns whether the client has a version. If so, the
                progress and `poll_seconds` of the view may be some heartbeats old.

        Raises:
            JobNotFound: The owner has no such job.
        """
        version = read_job_version(self._database, owner_id, job_id)
        with self._lock:  # a read also reorders the cache
            view = self._views.get(job_id)
        if view is not None and (
            view.version == version
            or (view.version.version == version.version and is_known(version.version))
        ):
            return view
        return self._read_view(owner_id, job_id)

    def _read_view(self, owner_id: str, job_id: str) -> JobView:
        row = get_job(self._database, owner_id, job_id)
        job = read_job_object(self._database, row, with_queue=True)
        version = JobVersion(row.version, row.state, row.lease_until)
        view = JobView(version, job.model_dump_json(), poll_seconds(job))
        if row.state != JobState.QUEUED:  # the queue place depends on other rows
            with self._lock:
                self._views[job_id] = view
        return view

    def job_progress(self, owner_id: str, row: RunningJob) -> Progress | None:
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
