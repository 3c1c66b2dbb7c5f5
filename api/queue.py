"""View of /v1/queue: queued and running jobs, workers, and the wait of a new job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response  # noqa: TC002 - read_parameters reads the annotations
from pydantic import Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.responses import json_response
from api.http.routes import get, make_blueprint
from api.http.schemas import ResponseModel, with_example
from api.job_view.queue_place import estimate_queue_place, new_waiting_job
from api.job_view.schemas import PRIORITIES, WhyWaiting
from shared.params.style import StyleParams
from shared.queries.jobs import read_live_workers, read_queue_lengths
from shared.queries.queue import read_queue_state

if TYPE_CHECKING:
    from shared.db.database import Database
    from shared.queries.queue import QueueState

blueprint = make_blueprint("queue", "Queued and running jobs of all owners.")


class Wait(ResponseModel):
    """Expected wait of a new job."""

    starts_in_s: float | None = Field(
        description="seconds until the expected start; null: unknown, see reason"
    )
    reason: WhyWaiting = Field(description="why the job would wait")


class Waits(ResponseModel):
    """Expected wait of a new job of the caller, by priority."""

    high: Wait
    normal: Wait
    low: Wait


class Queue(ResponseModel):
    """Queued jobs, running jobs and workers, of all owners together."""

    model_config = with_example(
        {
            "queued": 12,
            "running": 2,
            "workers": 2,
            "draining": 0,
            "estimated_wait": {
                "high": {
                    "starts_in_s": 24.0,
                    "reason": "waiting_for_worker",
                },
                "normal": {
                    "starts_in_s": 410.5,
                    "reason": "waiting_for_worker",
                },
                "low": {
                    "starts_in_s": 1240.0,
                    "reason": "waiting_for_worker",
                },
            },
        }
    )

    queued: int
    running: int
    workers: int = Field(description="workers with a heartbeat in the last 30 s")
    draining: int = Field(description="number of these workers that take no more jobs")
    estimated_wait: Waits = Field(
        description="expected wait of a job with default parameters, submitted now"
    )


@get(blueprint, "/v1/queue", s200=Queue)
def show_queue() -> Response:
    """Get the state of the queue, of all owners together, and your estimated wait.

    The estimate is for a new job of the caller with default parameters, by priority.
    """
    database = current_dependencies().database
    queued, running = read_queue_lengths(database)
    workers = read_live_workers(database)
    draining = sum(worker.draining for worker in workers)
    return json_response(
        Queue(
            queued=queued,
            running=running,
            workers=len(workers),
            draining=draining,
            estimated_wait=estimate_waits(database, current_owner_id()),
        )
    )


_TYPICAL_SIZE = (3, 2)  # shape of most photos; does not influence the start time


def estimate_waits(database: Database, owner_id: str) -> Waits:
    """Estimate the wait of a new job of an owner, for each priority.

    Cached for one second per process.
    """
    queue_state = read_queue_state(database)
    return database.read_cache.get(
        f"waits of {owner_id}", lambda: _compute_waits(database, queue_state, owner_id)
    )


def _compute_waits(database: Database, queue_state: QueueState, owner_id: str) -> Waits:
    waits = {
        priority_name: _compute_wait(database, queue_state, owner_id, priority)
        for priority_name, priority in PRIORITIES.items()
    }
    return Waits.model_validate(waits)


def _compute_wait(
    database: Database, queue_state: QueueState, owner_id: str, priority: int
) -> Wait:
    waiting = new_waiting_job(
        queue_state, owner_id, StyleParams(), _TYPICAL_SIZE, priority
    )
    place = estimate_queue_place(database, queue_state, waiting)
    return Wait(starts_in_s=place.starts_in_s, reason=place.reason)
