"""ETags of jobs: revision, percent of progress, and a digest of all other changes.

An ETag can be built from a `JobVersion`, which is a short read of the row, without the
job object. From the ETag that a client sends back, a long poll knows the revision and
the percent that the client has.
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

_PATTERN = re.compile(r"(\d{1,9})\.(\d{1,3})\.([0-9a-f]{16})")
_EXACT_PLACES = 10  # of the queue; further back, tens, hundreds and so on
_SOON_SECONDS = 4.0  # a start that is sooner counts as this
_STEPS_PER_DOUBLING = 2  # of the time until a job starts: steps of 41 %


@dataclass(frozen=True, slots=True)
class JobETag:
    """Parts of the ETag of a job; `str()` joins them."""

    revision: int
    percent: int
    digest: str

    @override
    def __str__(self) -> str:
        return f"{self.revision}.{self.percent}.{self.digest}"

    @classmethod
    def parse(cls, etag: str) -> Self | None:
        """Parse an ETag that a client sent; None if it is not that of a job."""
        match = _PATTERN.fullmatch(etag)
        if match is None:
            return None
        return cls(int(match[1]), int(match[2]), match[3])


def job_etag(job: JobObject) -> JobETag:
    """Return the ETag of a job object."""
    iteration = job.last_checkpoint.iteration if job.last_checkpoint else 0
    kept = sum(checkpoint.kept for checkpoint in job.checkpoints)
    begun = sum(segment.from_iteration is not None for segment in job.segments)
    other_parts = [
        job.state_reason,
        job.preview and job.preview.iteration,
        [iteration, len(job.checkpoints), kept, begun],
        job.warnings,
        job.worker and job.worker.id,
        job.parent and job.parent.job_id,
        job.inputs_gone,
    ]
    return _build_etag(job.revision, job.progress, job.queue, other_parts)


def version_etag(
    version: JobVersion, progress: Progress | None, queue: QueuePlace | None
) -> JobETag:
    """Return the ETag of a version, which equals the `job_etag` of the job object."""
    other_parts = [
        version.state_reason,
        version.newest_frame,
        [
            version.checkpoint_iteration,
            version.checkpoint_count,
            version.kept_checkpoint_count,
            version.begun_segment_count,
        ],
        version.warnings,
        version.worker_id,
        version.parent_id,
        version.deleted_input_count,
    ]
    return _build_etag(version.revision, progress, queue, other_parts)


def progress_percent(progress: Progress | None) -> int:
    """Return progress in whole percent, as precise as ETags and long polls are."""
    return 0 if progress is None else round(100 * progress.fraction)


def _build_etag(
    revision: int,
    progress: Progress | None,
    queue: QueuePlace | None,
    other_parts: Sequence[object],
) -> JobETag:
    place = queue and [
        _round_place(queue.ahead),
        queue.reason,
        _round_start(queue.starts_in_s),
    ]
    phase = progress and [progress.phase, progress.scale.model_dump()]
    text = json.dumps(
        [place, phase, *other_parts], sort_keys=True, separators=(",", ":")
    )
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return JobETag(revision, progress_percent(progress), digest)


def _round_place(ahead: int) -> int:
    """Round a place down to one digit, so that distant jobs' ETags change rarely."""
    step = 1
    while ahead // step >= _EXACT_PLACES:
        step *= 10
    return ahead // step * step


def _round_start(seconds: float | None) -> int | None:
    """Round a start time: the nearer, the finer, so that few polls see a change."""
    if seconds is None:
        return None
    return int(_STEPS_PER_DOUBLING * math.log2(max(seconds, _SOON_SECONDS)))
