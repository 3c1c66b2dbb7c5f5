"""/v1/queue: how much waits and runs, and how long a new job would wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response  # noqa: TC002 - flask-openapi reads the annotations
from pydantic import ConfigDict, Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.responses import answer
from api.http.routes import get, make_blueprint
from api.http.schemas import ResponseModel
from api.job_view.examples import QUEUE
from api.job_view.queue_place import new_place, new_waiting
from api.job_view.schemas import PRIORITIES, Confidence, WhyWaiting
from shared.params.style import StyleParams
from shared.queries.jobs import live_workers, queue_lengths
from shared.queries.queue import read_queue_state

if TYPE_CHECKING:
    from shared.db.database import Database
    from shared.queries.queue import QueueState

blueprint = make_blueprint("queue", "How much waits and runs.")


class Wait(ResponseModel):
    """How long a new job would wait."""

    starts_in_s: float | None = Field(description="null: nobody can tell; see reason")
    confidence: Confidence | None
    reason: WhyWaiting = Field(description="why it would not run at once, if it waited")


class Waits(ResponseModel):
    """How long a new job of the caller would wait, by its priority."""

    high: Wait
    normal: Wait
    low: Wait


class Queue(ResponseModel):
    """The queue as a whole, of all owners."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"example": QUEUE})

    queued: int
    running: int
    workers: int = Field(description="seen in the last 30 s")
    draining: int = Field(description="of these, taking no more jobs")
    estimated_wait: Waits = Field(
        description="of a job with default parameters that you would submit now"
    )


@get(blueprint, "/v1/queue", s200=Queue)
def show_queue() -> Response:
    """Look at how much waits and runs, of all owners together, and how long you would.

    The wait is that of a new job of yours with default parameters, by its priority.
    """
    database = current_services().database
    queued, running = queue_lengths(database)
    workers = live_workers(database)
    draining = sum(worker.draining for worker in workers)
    return answer(
        Queue(
            queued=queued,
            running=running,
            workers=len(workers),
            draining=draining,
            estimated_wait=waits_of(database, current_owner_id()),
        )
    )


_SIZE = (3, 2)  # the shape of most photos; it has no part in when a job starts


def waits_of(database: Database, owner_id: str) -> Waits:
    """Play one more job of an owner ahead, once with each priority, once a second."""
    line = read_queue_state(database)
    return database.notes.recall(
        f"waits of {owner_id}", lambda: _waits(database, line, owner_id)
    )


def _waits(database: Database, line: QueueState, owner_id: str) -> Waits:
    waits = {
        word: _wait(database, line, owner_id, priority)
        for word, priority in PRIORITIES.items()
    }
    return Waits.model_validate(waits)


def _wait(database: Database, line: QueueState, owner_id: str, priority: int) -> Wait:
    asked = new_waiting(line, owner_id, StyleParams(), _SIZE, priority)
    place = new_place(database, line, asked)
    return Wait(
        starts_in_s=place.starts_in_s, confidence=place.confidence, reason=place.reason
    )
