"""View of /v1/estimates: duration, memory and start of a job that is not submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.responses import json_response
from api.http.routes import make_blueprint, post
from api.http.schemas import with_example
from api.idempotency import uploads_count_as_submission
from api.job_view.queue_place import estimate_queue_place, new_waiting_job
from api.job_view.schemas import PRIORITIES, JobUrls, QueuePlace
from api.job_view.serializer import read_job_object
from api.jobs.request_schemas import JobForm, JobRequest
from api.jobs.submission import check_style_job
from shared.errors import JobNotFound, JobPurged
from shared.jobs.submit import find_reusable_job
from shared.params.memory import largest_fitting_edge, least_bytes, peak_bytes
from shared.params.segments import apply_segments
from shared.queries.jobs import get_job
from shared.queries.queue import read_queue_state
from shared.states import JobState
from shared.workers.pace_table import scale_megapixels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from shared.db.database import Database
    from shared.params.style import StyleParams
    from shared.queries.eta import LiveWorker, WaitingJob
    from shared.queries.queue import QueueState
    from shared.workers.pace_table import DurationRange


class WorkerEstimate(BaseModel):
    """Duration and memory of a job on one kind of live workers."""

    model_config = ConfigDict(frozen=True)

    device: str = Field(description="cpu, cuda or mps")
    setup: str = Field(description="device and settings that the pace depends on")
    count: int = Field(description="live workers of this kind")
    device_mb: int = Field(description="memory of one such device")
    fits: bool = Field(description="true: its memory is enough, in tiles if necessary")
    peak_mb: int | None = Field(
        description="memory that the job takes there; null: it does not fit"
    )
    seconds: float | None = Field(
        description="duration; null: no job was measured there yet"
    )
    low_s: float | None = Field(
        description="lower bound of seconds, right in 9 of 10 cases"
    )
    high_s: float | None = Field(
        description="upper bound of seconds, right in 9 of 10 cases"
    )


class EqualJob(BaseModel):
    """Job of the caller that computes the same picture."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: JobState
    urls: JobUrls


class Estimate(BaseModel):
    """Estimate of the duration, memory and start of a job."""

    model_config = with_example(
        {
            "object": "estimate",
            "width": 512,
            "height": 341,
            "iterations": 210,
            "megapixel_iterations": 12.5,
            "need_mb": 1120,
            "fits": True,
            "largest_max_edge": None,
            "workers": [
                {
                    "device": "cpu",
                    "setup": "cpu, AMD EPYC, bf16, 1 threads, direct",
                    "count": 2,
                    "device_mb": 8192,
                    "fits": True,
                    "peak_mb": 1190,
                    "seconds": 71.0,
                    "low_s": 60.0,
                    "high_s": 84.0,
                }
            ],
            "queue": {
                "position": 4,
                "ahead": 3,
                "starts_in_s": 180.0,
                "starts_at": "2026-11-24T10:03:00Z",
                "finishes_at": "2026-11-24T10:04:11Z",
                "reason": "waiting_for_worker",
            },
            "equal_job": None,
        }
    )

    object: Literal["estimate"] = "estimate"
    width: int = Field(description="width of the result, px")
    height: int
    iterations: int
    megapixel_iterations: float = Field(description="work of all scales")
    need_mb: int = Field(
        description="minimum memory, in small tiles if necessary; a device must have a "
        "quarter more"
    )
    fits: bool = Field(description="true: a live worker can run the job")
    largest_max_edge: int | None = Field(
        description="largest max_edge that fits a live worker; null: the requested one "
        "fits, or none does"
    )
    workers: list[WorkerEstimate]
    queue: QueuePlace = Field(
        description="place in the queue and times that the job would have now"
    )
    equal_job: EqualJob | None = Field(
        description="job that `reuse: finished_or_active` would return instead of a "
        "new one"
    )


_MEGA = 1e6


def build_estimate(
    dependencies: Dependencies, owner_id: str, request: Request
) -> Estimate:
    """Validate a submission, and estimate its duration, memory and start.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used.
        InvalidImages: Some pictures cannot be used.
    """
    with check_style_job(dependencies, owner_id, request) as checked:
        params = apply_segments(checked.request.job_params(), checked.segments)
        priority = PRIORITIES[checked.request.priority]
        digest = checked.work_digest()
        (size,) = (
            (picture.info.width, picture.info.height)
            for picture in checked.pictures
            if picture.role == "content"
        )
    database = dependencies.database
    queue_state = read_queue_state(database)
    waiting = new_waiting_job(queue_state, owner_id, params, size, priority)
    capable_workers = queue_state.capable_workers(waiting)
    scale_areas = scale_megapixels(params.stages, *size)
    iteration_counts = [count for _, count in params.stages]
    width, height = _result_size(size, params.max_edge)
    return Estimate(
        width=width,
        height=height,
        iterations=params.iterations,
        megapixel_iterations=round(
            sum(
                area * iterations
                for area, iterations in zip(scale_areas, iteration_counts, strict=True)
            ),
            2,
        ),
        need_mb=round(least_bytes(params) / _MEGA),
        fits=bool(capable_workers),
        largest_max_edge=None
        if capable_workers
        else _largest_edge(params, queue_state),
        workers=_worker_estimates(params, queue_state, waiting),
        queue=estimate_queue_place(database, queue_state, waiting),
        equal_job=_equal_job(database, owner_id, digest),
    )


def _equal_job(database: Database, owner_id: str, digest: str) -> EqualJob | None:
    """Find the job that `reuse` would return instead of a new one."""
    job_id = find_reusable_job(database, owner_id, digest)
    if job_id is None:
        return None
    try:
        view = read_job_object(database, get_job(database, owner_id, job_id))
    except (JobNotFound, JobPurged):  # the job was deleted meanwhile
        return None
    return EqualJob(id=view.id, state=view.state, urls=view.urls)


def _largest_edge(params: StyleParams, queue_state: QueueState) -> int | None:
    memory_bytes = max(
        (worker.device_bytes for worker in queue_state.workers), default=None
    )
    return None if memory_bytes is None else largest_fitting_edge(params, memory_bytes)


def _worker_estimates(
    params: StyleParams, queue_state: QueueState, waiting: WaitingJob
) -> list[WorkerEstimate]:
    groups: dict[tuple[str, int], list[LiveWorker]] = {}
    for worker in queue_state.workers:
        groups.setdefault((worker.setup, worker.device_bytes), []).append(worker)
    return [
        _worker_estimate(params, workers, waiting)
        for _, workers in sorted(groups.items())
    ]


def _worker_estimate(
    params: StyleParams, workers: list[LiveWorker], waiting: WaitingJob
) -> WorkerEstimate:
    worker = workers[0]
    fits = worker.can_hold(waiting)
    peak = peak_bytes(params, worker.device_bytes) if fits else None
    return WorkerEstimate(
        device=worker.device_class,
        setup=worker.setup,
        count=len(workers),
        device_mb=round(worker.device_bytes / _MEGA),
        fits=fits,
        peak_mb=None if peak is None else round(peak / _MEGA),
        **_seconds_range(waiting.durations.get(worker.setup) if fits else None),
    )


def _seconds_range(span: DurationRange | None) -> Mapping[str, object]:
    if span is None:
        return dict.fromkeys(("seconds", "low_s", "high_s"))
    return {
        "seconds": round(span.seconds, 1),
        "low_s": round(span.low, 1),
        "high_s": round(span.high, 1),
    }


def _result_size(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Return a size scaled to a long side of `edge` px, rounded as in the engine."""
    longest = max(size)
    width, height = (max(1, round(side * edge / longest)) for side in size)
    return width, height


blueprint = make_blueprint(
    "estimates", "Duration, memory and start of a job before its submission."
)


@post(blueprint, "/v1/estimates", form=JobForm, json=JobRequest, s200=Estimate)
@uploads_count_as_submission
def estimate_job() -> Response:
    """Estimate how long a job would take, whether it fits, and when it would run.

    The body is the same as that of `POST /v1/jobs`, and is validated. Nothing is
    created. The rate limit counts a form as a submission, since its pictures are
    decoded.
    """
    return json_response(
        build_estimate(current_dependencies(), current_owner_id(), request)
    )
