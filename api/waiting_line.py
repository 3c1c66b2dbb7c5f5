"""Where a queued job stands, when it will run, and why it does not yet."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from api.schemas import QueuePlace
from shared import jobs
from shared.kinds import JobKind
from shared.queueing import Waiting
from shared.states import JobState, StateReason

if TYPE_CHECKING:
    from shared.jobs import Line, Survey
    from shared.models import Job
    from shared.pacing import Span
    from shared.queueing import Slot

Confidence = Literal["low", "medium", "high"]
Reason = Literal[
    "waiting_for_worker",
    "quota",
    "queue_paused",
    "recovering",
    "backing_off",
    "no_capable_worker_alive",
]

# Of the longest time that is likely over the shortest.
_HIGH, _MEDIUM = 1.5, 2.5
_SHORTEST_SECONDS = 1e-3  # nothing is divided by less


def place_in_line(job: Job, known: Survey) -> QueuePlace | None:
    """Describe it; None: the job is not queued."""
    line = known.line
    if job.state != JobState.QUEUED or line is None:
        return None
    ahead, asked = known.ahead[job.id], _waiting(job, line)
    return QueuePlace(
        position=ahead + 1,
        ahead=ahead,
        reason=reason_of(line, asked, job.state_reason),
        **times_of(_slot(job, ahead, asked, line)),
    )


def times_of(slot: Slot | None) -> dict[str, Any]:
    """When it starts and ends, and how sure that is; as fields of an answer."""
    if slot is None:
        names = ("starts_in_s", "starts_at", "finishes_at", "confidence")
        return dict.fromkeys(names)
    now = datetime.now(UTC)
    return {
        "starts_in_s": round(slot.starts.seconds, 1),
        "starts_at": now + timedelta(seconds=slot.starts.seconds),
        "finishes_at": now + timedelta(seconds=slot.ends.seconds),
        "confidence": "low" if slot.is_surmise else confidence_of(slot.ends),
    }


def confidence_of(span: Span) -> Confidence:
    """How narrow the range of a time is."""
    wide = span.high / max(span.low, _SHORTEST_SECONDS)
    if wide <= _HIGH:
        return "high"
    return "medium" if wide <= _MEDIUM else "low"


def reason_of(
    line: Line, job: Waiting, state_reason: StateReason | None = None
) -> Reason:
    """Say why a job waits."""
    if state_reason == StateReason.BACKING_OFF:
        return "backing_off"
    able = line.able(job)
    if not able:
        return "no_capable_worker_alive"
    if all(server.draining for server in able):
        return "queue_paused"
    if state_reason == StateReason.RECOVERING:
        return "recovering"
    share = line.shares.get(job.owner_id)
    return "quota" if share is not None and share.is_used_up else "waiting_for_worker"


def _slot(job: Job, ahead: int, asked: Waiting, line: Line) -> Slot | None:
    if job.ready_key is None:  # it backs off, and is not in line yet
        return line.with_job(asked)[1]
    return line.slots.get(job.id) or line.behind(ahead, job.id)


def _waiting(job: Job, line: Line) -> Waiting:
    spans = {}
    if job.ready_key is None and job.kind == JobKind.STYLE:
        # As if it were square: its photo is not at hand, and few jobs back off.
        spans = jobs.spans_on(line.times, line.setups, job.params, (1, 1))
    return Waiting(
        job_id=job.id,
        owner_id=job.owner_id,
        key=job.ready_key or job.created_at,
        need_bytes=job.need_bytes,
        device_class=job.device_class,
        excluded_device=job.excluded_device,
        due_seconds=max(0.0, job.run_after - time.time()),
        spans=spans,
    )
