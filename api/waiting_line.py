"""Where a queued job stands, when it will run, and why it does not yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from api.schemas import QueuePlace
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


def place_in_line(job: Job, known: Survey) -> QueuePlace | None:
    """Describe it; None: the job is not queued."""
    if job.state != JobState.QUEUED or known.line is None:
        return None
    ahead = known.ahead[job.id]
    return QueuePlace(
        position=ahead + 1,
        ahead=ahead,
        reason=_reason(job, known, known.line),
        **times_of(known.line.slots.get(job.id) or known.line.behind(ahead, job.id)),
    )


def times_of(slot: Slot | None) -> dict[str, Any]:
    """When it starts and ends, and how sure that is; as fields of an answer."""
    if slot is None:
        return dict.fromkeys(("starts_in_s", "starts_at", "finishes_at", "confidence"))
    now = datetime.now(UTC)
    return {
        "starts_in_s": round(slot.starts.seconds, 1),
        "starts_at": now + timedelta(seconds=slot.starts.seconds),
        "finishes_at": now + timedelta(seconds=slot.ends.seconds),
        "confidence": "low" if slot.is_surmise else confidence_of(slot.ends),
    }


def confidence_of(span: Span) -> Confidence:
    """How narrow the range of a time is."""
    wide = span.high / max(span.low, 1e-3)
    if wide <= _HIGH:
        return "high"
    return "medium" if wide <= _MEDIUM else "low"


def _reason(job: Job, known: Survey, line: Line) -> Reason:
    if job.state_reason == StateReason.BACKING_OFF:
        return "backing_off"
    able = known.able(job)
    if not able:
        return "no_capable_worker_alive"
    if all(server.draining for server in able):
        return "queue_paused"
    if job.state_reason == StateReason.RECOVERING:
        return "recovering"
    share = line.shares.get(job.owner_id)
    return "quota" if share is not None and share.is_used_up else "waiting_for_worker"
