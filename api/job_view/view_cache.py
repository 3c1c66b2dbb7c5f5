"""How jobs look to whoever asks: a glance at the row, and the whole if it is new.

Most polls are answered from the glance. Those that do get the whole get the text that
was made for the last one, as long as the glance is the same in every detail.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from api.job_view.etag import Mark, mark_of_glance
from api.job_view.queue_place import place_in_line
from api.job_view.segments import course_of
from api.job_view.serializer import poll_after, present, present_progress
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

_KEPT = 512  # texts have some kilobytes each
_PLANS_KEPT = 4096
_QUEUED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """A job as it is now.

    Attributes:
        owner_id: Whose it is.
        glance: The little that was read of it.
        mark: Its ETag.
        poll_seconds: When it is worth looking again; None: never.
    """

    owner_id: str
    glance: JobVersion
    mark: Mark
    poll_seconds: int | None

    @property
    def is_over(self) -> bool:
        """Whether it will never change again, but for being tidied away."""
        return self.glance.state in TERMINAL

    @property
    def waits(self) -> bool:
        """Whether others decide what there is to say of it."""
        return self.glance.state == JobState.QUEUED


@dataclass(frozen=True, slots=True)
class _Known:
    """A look, when it was taken, and what was committed by then."""

    commits: str
    at: float
    look: Look

    def holds(self, commits: str) -> bool:
        """Whether another look now would see the same."""
        if self.commits != commits:
            return False
        # What a queued job waits for changes with time alone: workers fall silent.
        return not self.look.waits or time.monotonic() - self.at < _QUEUED_SECONDS


class Looks:
    """Looks at jobs; one for all threads of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._texts: OrderedDict[str, tuple[JobVersion, str]] = OrderedDict()
        self._looks: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._lock = Lock()
        # What is planned changes with the revision only.
        self._plan = lru_cache(_PLANS_KEPT)(self._read_plan)

    def look(self, owner_id: str, job_id: str) -> Look:
        """Glance at a job.

        Raises:
            JobNotFound: This owner has no such job.
        """
        commits = self._database.commits()  # before the glance: it may be newer
        known = self._recall(owner_id, job_id, commits)
        if known is not None:
            return known
        look = self._look(owner_id, job_id)
        if commits is not None:
            with self._lock:
                _keep(
                    self._looks,
                    (owner_id, job_id),
                    _Known(commits, time.monotonic(), look),
                )
        return look

    def recall(self, owner_id: str, job_id: str) -> Look | None:
        """Return the last look at a job, if another would show the same."""
        return self._recall(owner_id, job_id, self._database.commits())

    def _recall(self, owner_id: str, job_id: str, commits: str | None) -> Look | None:
        with self._lock:
            known = self._looks.get((owner_id, job_id))
        if commits is None or known is None or not known.holds(commits):
            return None
        return known.look

    def _look(self, owner_id: str, job_id: str) -> Look:
        seen = read_job_version(self._database, owner_id, job_id)
        progress = self.progress(owner_id, seen)
        queue = self._queue(owner_id, seen)
        return Look(
            owner_id=owner_id,
            glance=seen,
            mark=mark_of_glance(seen, progress, queue),
            poll_seconds=poll_after(seen.state, queue, progress),
        )

    def _queue(self, owner_id: str, seen: JobVersion) -> QueuePlace | None:
        """Where it waits: others decide that, so it takes more than a glance."""
        if seen.state != JobState.QUEUED:
            return None
        job = get_job(self._database, owner_id, seen.job_id)
        return place_in_line(job, load_details(self._database, [job]))

    def text(self, look: Look) -> str:
        """Put the whole job together, as JSON.

        Raises:
            JobNotFound: It is gone meanwhile.
        """
        job_id = look.glance.job_id
        with self._lock:
            known = self._texts.get(job_id)
        if known is not None and known[0] == look.glance:
            return known[1]
        job = get_job(self._database, look.owner_id, job_id)
        text = present(self._database, job).model_dump_json()
        if not look.waits:  # when it starts changes with time alone
            with self._lock:
                _keep(self._texts, job_id, (look.glance, text))
        return text

    def progress(self, owner_id: str, seen: JobVersion | RunningJob) -> Progress | None:
        """Describe how far a job is; None before its first claim.

        Raises:
            JobNotFound: It is gone meanwhile.
        """
        if seen.progress is None:
            return None
        stages = self._plan(owner_id, seen.job_id, seen.revision)
        return present_progress(seen, stages)

    def _read_plan(
        self, owner_id: str, job_id: str, _revision: int
    ) -> Sequence[tuple[int, int]]:
        job = get_job(self._database, owner_id, job_id)
        return course_of(job, load_details(self._database, [job])).stages


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)
