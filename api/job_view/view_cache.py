"""Cache of job views: short versions of jobs, and their JSON where a version is new.

Most polls are answered from the version, which is a short read of the row. The JSON of
a whole job is reused as long as its version is the same in every detail.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from api.job_view.etag import JobETag, version_etag
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

K = TypeVar("K")
V = TypeVar("V")

_CACHE_SIZE = 512  # a job is some kilobytes of JSON
_STAGES_CACHE_SIZE = 4096
_QUEUED_SECONDS = 1.0  # for which the view of a queued job is cached


@dataclass(frozen=True, slots=True)
class JobView:
    """State of a job as the API shows it, without the job object.

    Attributes:
        owner_id: Owner of the job.
        version: The version of the row that was read.
        etag: ETag of the job object.
        poll_seconds: Seconds after which to poll again, or None if the job has ended.
    """

    owner_id: str
    version: JobVersion
    etag: JobETag
    poll_seconds: int | None

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended; then only retention and deletion change it."""
        return self.version.state in TERMINAL

    @property
    def is_queued(self) -> bool:
        """Whether the job is queued; other jobs and workers then change its view."""
        return self.version.state == JobState.QUEUED


@dataclass(frozen=True, slots=True)
class _CachedView:
    """A view, with the change token and the monotonic time at which it was read."""

    change_token: str
    read_at: float
    view: JobView

    def is_current(self, change_token: str) -> bool:
        """Return whether reading the view again now would give the same."""
        if self.change_token != change_token:
            return False
        # The view of a queued job changes with time alone: workers fall silent.
        age = time.monotonic() - self.read_at
        return not self.view.is_queued or age < _QUEUED_SECONDS


class ViewCache:
    """Cache of job views, shared by all threads of a process.

    Args:
        database: Database that views are read from.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._json: OrderedDict[str, tuple[JobVersion, str]] = OrderedDict()
        self._views: OrderedDict[tuple[str, str], _CachedView] = OrderedDict()
        self._lock = Lock()
        # The stages of a job change only with its revision, which is part of the key.
        self._stages = lru_cache(_STAGES_CACHE_SIZE)(self._read_stages)

    def get_view(self, owner_id: str, job_id: str) -> JobView:
        """Return the view of a job, from the cache or from the database.

        Raises:
            JobNotFound: The owner has no such job.
        """
        # Read before the row: the row may be newer than the token, never older.
        change_token = self._database.change_token()
        cached = self._find_cached(owner_id, job_id, change_token)
        if cached is not None:
            return cached
        view = self._read_view(owner_id, job_id)
        if change_token is not None:
            with self._lock:
                _store(
                    self._views,
                    (owner_id, job_id),
                    _CachedView(change_token, time.monotonic(), view),
                )
        return view

    def get_cached_view(self, owner_id: str, job_id: str) -> JobView | None:
        """Return the cached view of a job, or None if it is not current."""
        return self._find_cached(owner_id, job_id, self._database.change_token())

    def _find_cached(
        self, owner_id: str, job_id: str, change_token: str | None
    ) -> JobView | None:
        with self._lock:
            cached = self._views.get((owner_id, job_id))
        if (
            change_token is None
            or cached is None
            or not cached.is_current(change_token)
        ):
            return None
        return cached.view

    def _read_view(self, owner_id: str, job_id: str) -> JobView:
        version = read_job_version(self._database, owner_id, job_id)
        progress = self.job_progress(owner_id, version)
        queue_place = self._queue_place(owner_id, version)
        return JobView(
            owner_id=owner_id,
            version=version,
            etag=version_etag(version, progress, queue_place),
            poll_seconds=poll_seconds_of_version(version, queue_place, progress),
        )

    def _queue_place(self, owner_id: str, version: JobVersion) -> QueuePlace | None:
        """Read the queue place, which depends on more than the row of the job."""
        if version.state != JobState.QUEUED:
            return None
        job = get_job(self._database, owner_id, version.job_id)
        return serialize_queue_place(job, load_details(self._database, [job]))

    def job_json(self, view: JobView) -> str:
        """Return the job object as JSON, from the cache or from the database.

        Raises:
            JobNotFound: The job was deleted meanwhile.
        """
        job_id = view.version.job_id
        with self._lock:
            cached = self._json.get(job_id)
        if cached is not None and cached[0] == view.version:
            return cached[1]
        job = get_job(self._database, view.owner_id, job_id)
        text = serialize_job(self._database, job).model_dump_json()
        if not view.is_queued:  # its start time changes with time alone
            with self._lock:
                _store(self._json, job_id, (view.version, text))
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


def _store(cache: OrderedDict[K, V], key: K, value: V) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > _CACHE_SIZE:
        cache.popitem(last=False)
