"""ETags of jobs: their revision, their percent, and a digest of what else may change.

An ETag can so be made from a glance at the row, without the job object; and one that a
client sends back tells what it has seen.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from api.job_view.schemas import JobObject, Progress, QueuePlace
    from shared.queries.jobs import JobVersion

_FORM = re.compile(r"(\d{1,9})\.(\d{1,3})\.([0-9a-f]{16})")
_EXACT_PLACES = 10  # of the line; further back, tens, hundreds and so on
_SOON_SECONDS = 4.0  # what starts sooner starts now
_STEPS_PER_DOUBLING = 2  # of the time until a job starts: steps of 41 %


@dataclass(frozen=True, slots=True)
class Mark:
    """What a client has seen of a job, or would see now; `str()` is an ETag."""

    revision: int
    percent: int
    digest: str

    @override
    def __str__(self) -> str:
        return f"{self.revision}.{self.percent}.{self.digest}"

    @classmethod
    def read(cls, etag: str) -> Self | None:
        """Read an ETag that came back; None: it is not one of ours."""
        found = _FORM.fullmatch(etag)
        if found is None:
            return None
        return cls(int(found[1]), int(found[2]), found[3])


def mark_of_job(job: JobObject) -> Mark:
    """Mark a job that has been put together."""
    iteration = job.last_checkpoint.iteration if job.last_checkpoint else 0
    kept = sum(one.kept for one in job.checkpoints)
    begun = sum(one.from_iteration is not None for one in job.segments)
    rest = [
        job.state_reason,
        job.preview and job.preview.iteration,
        [iteration, len(job.checkpoints), kept, begun],
        job.warnings,
        job.worker and job.worker.id,
        job.parent and job.parent.job_id,
        job.inputs_gone,
    ]
    return _mark(job.revision, job.progress, job.queue, rest)


def mark_of_glance(
    seen: JobVersion, progress: Progress | None, queue: QueuePlace | None
) -> Mark:
    """Mark a job that has been glanced at, exactly as `mark_of_job` would."""
    rest = [
        seen.state_reason,
        seen.frame,
        [seen.checkpoint_iteration, seen.stored, seen.kept, seen.begun],
        seen.warnings,
        seen.worker_id,
        seen.parent_id,
        seen.gone,
    ]
    return _mark(seen.revision, progress, queue, rest)


def percent_of(progress: Progress | None) -> int:
    """Progress as coarse as a client is told of it without asking for more."""
    return 0 if progress is None else round(100 * progress.fraction)


def _mark(
    revision: int,
    progress: Progress | None,
    queue: QueuePlace | None,
    rest: Sequence[object],
) -> Mark:
    place = queue and [
        _coarse(queue.ahead),
        queue.reason,
        _step(queue.starts_in_s),
        queue.confidence,
    ]
    where = progress and [progress.phase, progress.scale.model_dump()]
    seen = json.dumps([place, where, *rest], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(seen.encode()).hexdigest()[:16]
    return Mark(revision, percent_of(progress), digest)


def _coarse(ahead: int) -> int:
    """Round a place in line: who is 1,234th need not know of every step."""
    step = 1
    while ahead // step >= _EXACT_PLACES:
        step *= 10
    return ahead // step * step


def _step(seconds: float | None) -> int | None:
    """Round a time that passes: the nearer, the finer, so that few polls see a step."""
    if seconds is None:
        return None
    return int(_STEPS_PER_DOUBLING * math.log2(max(seconds, _SOON_SECONDS)))
