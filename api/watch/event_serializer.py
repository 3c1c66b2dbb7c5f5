"""Serializer of logged events; one event may yield several lines and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from api.http.schemas import to_datetime
from api.job_view.schemas import LoggedEvent, LogLine
from api.job_view.serializer import read_job_objects, serialize_changes
from api.watch.message import END, LOG, OUTPUT, PARAMS_CHANGED, STATE, Message
from shared.errors import DatabaseUnavailable
from shared.queries.jobs import read_jobs
from shared.states import TERMINAL, Action, Event, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from api.job_view.schemas import JobObject, Output
    from shared.db.database import Database
    from shared.db.models.jobs import Job, JobEvent
    from shared.queries.events import JobEventRow

    OutputsByJob = Mapping[str, Sequence[Output]]

log = structlog.get_logger(__name__)

_STEERED = "steered"  # event: a requested change takes effect


def serialize_events(
    database: Database, events: Sequence[JobEventRow]
) -> list[LogLine]:
    """Return the log lines of events, in the order of the events."""
    outputs = _read_outputs(database, events)
    return [line for event in events for line in _event_lines(event, outputs)]


def event_messages(database: Database, events: Sequence[JobEventRow]) -> list[Message]:
    """Return the messages about events: for each event its row, then its consequences.

    An event that cannot be serialized is left out, so that the others are still sent.
    """
    outputs = _read_outputs(database, events)
    messages: list[Message] = []
    for event in events:
        try:
            messages += list(_event_messages(event, outputs))
        except Exception:
            log.exception(
                "event_serialization_failed", job_id=event.job_id, seq=event.seq
            )
    return messages


def serialize_log_event(event: JobEventRow | JobEvent) -> LoggedEvent:
    """Return the row of an event as a response."""
    return LoggedEvent(
        job_id=event.job_id,
        seq=event.seq,
        at=to_datetime(event.at),
        event=event.event,
        from_state=event.from_state,
        state=event.state,
        fence=event.fence,
        detail=serialize_changes(event.detail) if event.detail else event.detail,
    )


def _event_messages(event: JobEventRow, outputs: OutputsByJob) -> Iterator[Message]:
    data = serialize_log_event(event).model_dump_json()
    yield Message(LOG, event.job_id, event.owner_id, data, seq=event.seq, is_last=False)
    *others, last = _event_lines(event, outputs)
    for line in (*others, last):
        yield Message(
            line.type,
            event.job_id,
            event.owner_id,
            line.model_dump_json(exclude_none=True),
            seq=event.seq,
            is_last=line is last,
        )


def _event_lines(event: JobEventRow, outputs: OutputsByJob) -> Iterator[LogLine]:
    common = {
        "seq": event.seq,
        "job_id": event.job_id,
        "at": to_datetime(event.at),
    }
    yield LogLine(**common, **_first_line(event))
    is_completion = event.event == Event.COMPLETE
    if job_outputs := outputs.get(event.job_id) if is_completion else None:
        yield LogLine(**common, type=OUTPUT, outputs=list(job_outputs))
    if event.state in TERMINAL and event.from_state not in TERMINAL:
        yield LogLine(**common, type=END, state=event.state)


def _first_line(event: JobEventRow) -> dict[str, Any]:
    detail = event.detail or {}
    members = {
        "event": event.event,
        "state": event.state,
        "from_state": event.from_state,
    }
    if event.event == Action.STEER:
        changes = serialize_changes(detail)
        return {**members, "type": PARAMS_CHANGED, "changes": changes}
    if event.event == _STEERED:
        from_iteration = detail.get("from_iteration")
        return {**members, "type": PARAMS_CHANGED, "from_iteration": from_iteration}
    return {**members, "type": STATE}


def _read_outputs(database: Database, events: Sequence[JobEventRow]) -> OutputsByJob:
    """Return the stored outputs of the jobs that succeeded in these events."""
    succeeded = {
        (event.owner_id, event.job_id)
        for event in events
        if event.event == Event.COMPLETE and event.state == JobState.SUCCEEDED
    }
    if not succeeded:
        return {}
    rows = read_jobs(database, {job_id for _, job_id in succeeded})
    return {job.id: job.outputs for job in _serialize_possible(database, rows)}


def _serialize_possible(database: Database, rows: Sequence[Job]) -> list[JobObject]:
    """Serialize the jobs, leaving out those that cannot be serialized."""
    try:
        return read_job_objects(database, rows)
    except DatabaseUnavailable:
        raise
    except Exception:
        if len(rows) == 1:
            log.exception("job_serialization_failed", job_id=rows[0].id)
            return []
    return [job for row in rows for job in _serialize_possible(database, [row])]
