"""View of /metrics, for Prometheus: counters of this process, gauges of the farm."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from typing_extensions import override

from api.dependencies import current_dependencies
from api.http.routes import get, make_blueprint
from shared.clock import SYSTEM_CLOCK
from shared.db.models.jobs import Job
from shared.metrics import REQUEST_SECONDS, REQUESTS
from shared.queries.queue import read_queue_state
from shared.states import TERMINAL, JobState
from shared.workers.pace_table import load_pace_table
from shared.workers.registry import list_workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Counter, Histogram

    from api.dependencies import Dependencies

blueprint = make_blueprint("metrics", "Metrics of the farm, for Prometheus.")

_MEDIA_TYPE = "text/plain"
# Clients may send any text as a method, and each label takes memory permanently.
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})
_ACTIVE = [state for state in JobState if state not in TERMINAL]


@get(blueprint, "/metrics", s200=_MEDIA_TYPE, s503=None)
def show_figures() -> Response:
    """Return the metrics of this process and of the farm, in Prometheus' format."""
    farm = CollectorRegistry()
    farm.register(_FarmCollector(current_dependencies()))
    text = generate_latest(farm) + generate_latest(REGISTRY)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def begin_request() -> None:
    """Store the time when the request began."""
    g.began_at = SYSTEM_CLOCK.monotonic()


def count_request(response: Response) -> None:
    """Count a request, and its duration unless it was a stream or a long poll."""
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    counter, histogram = _series(route, method, response.status_code)
    counter.inc()
    if not response.is_streamed and "Preference-Applied" not in response.headers:
        seconds = SYSTEM_CLOCK.monotonic() - g.began_at
        histogram.observe(seconds)


@lru_cache(1024)  # a lookup of labels takes as long as the count
def _series(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    counter = REQUESTS.labels(route, method, str(status))
    return counter, REQUEST_SECONDS.labels(route)


class _FarmCollector(Collector):
    """Gauges of the whole farm, read from the database at each scrape."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    @override
    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield all gauges."""
        yield from self._jobs()
        yield from self._queue()
        yield from self._workers()
        yield from self._server()
        yield from self._paces()

    def _jobs(self) -> Iterable[GaugeMetricFamily]:
        database = self._dependencies.database
        with database.read() as session:
            counts = dict(
                session.execute(
                    select(Job.state, func.count())
                    .where(Job.state.in_(_ACTIVE))
                    .group_by(Job.state)
                ).all()
            )
            oldest = session.scalar(
                select(func.min(Job.run_after)).where(Job.state == JobState.QUEUED)
            )
            now = session.scalars(select(database.now)).one()
        jobs = GaugeMetricFamily(
            "impasto_jobs", "Jobs that have not ended, by state", labels=["state"]
        )
        for state in _ACTIVE:
            jobs.add_metric([state], counts.get(state, 0))
        yield jobs
        yield GaugeMetricFamily(
            "impasto_oldest_queued_seconds",
            "Time that the first of the queued jobs has waited; 0 if none waits",
            value=0.0 if oldest is None else max(0.0, now - oldest),
        )

    def _queue(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges of the queued jobs whose durations are known."""
        state = read_queue_state(self._dependencies.database)
        slots = state.run_slots.values()
        seconds = sum(slot.ends.seconds - slot.starts.seconds for slot in slots)
        yield GaugeMetricFamily(
            "impasto_queued_work_seconds",
            "Estimated duration of the first 300 queued jobs together, on one worker "
            "each; jobs of unknown duration count as nothing",
            value=seconds,
        )

    def _workers(self) -> Iterable[GaugeMetricFamily]:
        workers = GaugeMetricFamily(
            "impasto_workers", "Registered workers, by state", labels=["state"]
        )
        states = [worker.state for worker in list_workers(self._dependencies.database)]
        for state in ("alive", "stale", "dead", "draining"):
            workers.add_metric([state], states.count(state))
        yield workers

    def _server(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "impasto_storage_free_bytes",
            "Free space of the storage",
            value=self._dependencies.storage.free_bytes(),
        )
        yield GaugeMetricFamily(
            "impasto_streams",
            "Streams and long polls that are open in this process",
            value=self._dependencies.stream_slots.taken,
        )

    def _paces(self) -> Iterable[GaugeMetricFamily]:
        database = self._dependencies.database
        paces = database.read_cache.get("paces", lambda: load_pace_table(database))
        deviation = GaugeMetricFamily(
            "impasto_pace_deviation_ratio",
            "Error of estimates: moving average of |measured / expected - 1|",
            labels=["setup", "method", "size_class"],
        )
        for (setup, method), by_size in sorted(paces.paces.items()):
            for size, (_, error) in sorted(by_size.items()):
                deviation.add_metric([setup, method, str(size)], error)
        yield deviation
