"""Lines of the log in the words of the API; one line may say several things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from api.http.timestamps import instant
from api.job_view.changes import told_changes
from api.job_view.schemas import LoggedEvent, LogLine
from api.job_view.serializer import present_all
from api.watch.message import CHANGED, END, LOG, OUTPUT, STATE, News
from shared.errors import DatabaseUnavailable
from shared.queries.jobs import jobs_by_id
from shared.states import TERMINAL, Event, JobState, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from api.job_view.schemas import JobObject, Output
    from shared.db.database import Database
    from shared.db.models.jobs import Job, JobEvent
    from shared.queries.events import JobEventRow

    Outputs = Mapping[str, Sequence[Output]]

log = structlog.get_logger(__name__)

_BEGUN = "steered"  # the change that was asked for begins


def lines_of(database: Database, logged: Sequence[JobEventRow]) -> list[LogLine]:
    """Say what lines of the log mean, in their order."""
    outputs = _outputs(database, logged)
    return [line for one in logged for line in _lines(one, outputs)]


def news_of(database: Database, logged: Sequence[JobEventRow]) -> list[News]:
    """The same, ready to be sent: each line as it is, then what it means.

    A line that cannot be put into words is left out: others must hear of the rest.
    """
    outputs = _outputs(database, logged)
    found: list[News] = []
    for one in logged:
        try:
            found += list(_news(one, outputs))
        except Exception:
            log.exception("event_serialization_failed", job_id=one.job_id, seq=one.seq)
    return found


def record_of(line: JobEventRow | JobEvent) -> LoggedEvent:
    """Describe a line of the log as it is."""
    return LoggedEvent(
        job_id=line.job_id,
        seq=line.seq,
        at=instant(line.at),
        event=line.event,
        from_state=line.from_state,
        state=line.state,
        fence=line.fence,
        detail=told_changes(line.detail) if line.detail else line.detail,
    )


def _news(one: JobEventRow, outputs: Outputs) -> Iterator[News]:
    record = record_of(one).model_dump_json()
    yield News(LOG, one.job_id, one.owner_id, record, seq=one.seq, is_last=False)
    *others, last = _lines(one, outputs)
    for line in (*others, last):
        yield News(
            line.type,
            one.job_id,
            one.owner_id,
            line.model_dump_json(exclude_none=True),
            seq=one.seq,
            is_last=line is last,
        )


def _lines(one: JobEventRow, outputs: Outputs) -> Iterator[LogLine]:
    about = {
        "seq": one.seq,
        "job_id": one.job_id,
        "at": instant(one.at),
    }
    yield LogLine(**about, **_happened(one))
    if made := outputs.get(one.job_id) if one.event == Event.COMPLETE else None:
        yield LogLine(**about, type=OUTPUT, outputs=list(made))
    if one.state in TERMINAL and one.from_state not in TERMINAL:
        yield LogLine(**about, type=END, state=one.state)


def _happened(one: JobEventRow) -> dict[str, Any]:
    detail = one.detail or {}
    said = {"event": one.event, "state": one.state, "from_state": one.from_state}
    if one.event == Verb.STEER:
        return {**said, "type": CHANGED, "changes": told_changes(detail)}
    if one.event == _BEGUN:
        begun = detail.get("from_iteration")
        return {**said, "type": CHANGED, "from_iteration": begun}
    return {**said, "type": STATE}


def _outputs(database: Database, logged: Sequence[JobEventRow]) -> Outputs:
    """What jobs have made whose success is among these lines, and is still kept."""
    done = {
        (one.owner_id, one.job_id)
        for one in logged
        if one.event == Event.COMPLETE and one.state == JobState.SUCCEEDED
    }
    if not done:
        return {}
    rows = jobs_by_id(database, {job_id for _, job_id in done})
    return {job.id: job.outputs for job in _presentable(database, rows)}


def _presentable(database: Database, rows: Sequence[Job]) -> list[JobObject]:
    """Describe those jobs that can be described."""
    try:
        return present_all(database, rows)
    except DatabaseUnavailable:
        raise
    except Exception:
        if len(rows) == 1:
            log.exception("job_serialization_failed", job_id=rows[0].id)
            return []
    return [one for row in rows for one in _presentable(database, [row])]
