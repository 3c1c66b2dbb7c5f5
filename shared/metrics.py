"""Metrics of a process for Prometheus: counters and histograms since its start.

The API serves them at `/metrics`, together with gauges of the whole farm. A worker
serves its own on `IMPASTO_METRICS_PORT`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram, disable_created_metrics
from sqlalchemy import event as sqlalchemy_event

from shared.states import EVENTS, Event, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.models.jobs import Job

disable_created_metrics()  # type: ignore[no-untyped-call] # nobody reads them
_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)

REQUESTS = Counter(
    "impasto_http_requests", "HTTP requests answered", ["route", "method", "status"]
)
REQUEST_SECONDS = Histogram(
    "impasto_http_request_seconds",
    "Time until an HTTP request was answered; long polls and streams are left out",
    ["route"],
    buckets=_SHORT,
)
TRANSITIONS = Counter(
    "impasto_job_transitions",
    "Actions and events of jobs, with the state that followed",
    ["event", "state"],
)
# Alerts need the 0: a series that begins with 1 shows no increase.
for _event, _states in EVENTS.items():
    for _state in set(_states.values()):
        TRANSITIONS.labels(_event, _state)
WAIT_SECONDS = Histogram(
    "impasto_job_wait_seconds",
    "Time from the submission of a job to its first claim",
    buckets=_LONG,
)
RUN_SECONDS = Histogram(
    "impasto_job_run_seconds",
    "Time from the last claim of a job to its success",
    buckets=_LONG,
)
ITERATIONS = Counter("impasto_iterations", "Iterations computed")
CHECKPOINTS = Counter("impasto_checkpoints", "Checkpoints recorded")
LOST_LEASES = Counter(
    "impasto_lost_leases", "Attempts given up because another claim owns the job"
)


def count_transition(session: Session, job: Job, event: str, state: JobState) -> None:
    """Count a transition once its transaction is committed.

    Args:
        session: Transaction of the transition.
        job: Row of the job before the transition, or of the new job.
        event: Name of the action or event.
        state: State after the transition.
    """
    created_at, started_at, claimed_at = job.created_at, job.started_at, job.claimed_at

    def count(_session: Session) -> None:
        TRANSITIONS.labels(event, state).inc()
        now = time.time()  # of this host; times in rows are of the database
        if event == Event.CLAIM and started_at is None:
            WAIT_SECONDS.observe(max(0.0, now - created_at))
        is_success = event == Event.COMPLETE and state == JobState.SUCCEEDED
        if is_success and claimed_at is not None:
            RUN_SECONDS.observe(max(0.0, now - claimed_at))

    sqlalchemy_event.listen(session, "after_commit", count, once=True)
