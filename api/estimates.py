"""What the API says of jobs that do not exist yet.

What a job would take if it were submitted now.

/v1/estimates: how long a job would take.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.json_body import JSON
from api.http.multipart import received
from api.http.responses import answer
from api.http.routes import make_blueprint, post
from api.job_view.examples import JOB
from api.job_view.queue_place import confidence_of, new_place, new_waiting
from api.job_view.schemas import JobUrls, QueuePlace
from api.job_view.serializer import present
from api.jobs.form_request import JOB_FORM
from api.jobs.json_request import stored_request
from api.jobs.request_schemas import JobForm, JobJson
from api.jobs.submission import checked_form, checked_work
from api.jobs.work_digest import work_digest
from shared.errors import JobNotFound, JobPurged
from shared.forecast.pace_model import scale_sizes
from shared.jobs.submit import find_equal
from shared.params.memory import largest_edge, peak_bytes
from shared.params.segments import steered
from shared.queries.jobs import get_job
from shared.queries.queue import read_queue_state
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from api.dependencies import Services
    from shared.db.database import Database
    from shared.forecast.pace_model import Span
    from shared.forecast.queue_simulation import Server, Waiting
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from shared.queries.queue import QueueState

_EXAMPLE: dict[str, Any] = {
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
            "confidence": "high",
        }
    ],
    "queue": {
        "position": 4,
        "ahead": 3,
        "starts_in_s": 180.0,
        "starts_at": "2026-11-24T10:03:00Z",
        "finishes_at": "2026-11-24T10:04:11Z",
        "confidence": "medium",
        "reason": "waiting_for_worker",
    },
    "equal_job": {"id": JOB["id"], "state": JOB["state"], "urls": JOB["urls"]},
}


class WorkerEstimate(BaseModel):
    """What a job would take on one kind of live workers."""

    model_config = ConfigDict(frozen=True)

    device: str = Field(description="cpu, cuda or mps")
    setup: str = Field(description="all that the pace depends on")
    count: int = Field(description="live workers of this kind")
    device_mb: int = Field(description="memory of one of them")
    fits: bool = Field(description="whether its memory suffices, in tiles if need be")
    peak_mb: int | None = Field(description="memory taken there; null: it does not fit")
    seconds: float | None = Field(description="null: nothing was measured there yet")
    low_s: float | None = Field(description="nine times of ten, it is between this")
    high_s: float | None = Field(description="and this")
    confidence: Literal["low", "medium", "high"] | None


class EqualJob(BaseModel):
    """A job of the caller that did, or does, the same work."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: JobState
    urls: JobUrls


class Estimate(BaseModel):
    """How long a job would take, what it would need, and when it would run."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"example": _EXAMPLE})

    object: Literal["estimate"] = "estimate"
    width: int = Field(description="of the result, px")
    height: int
    iterations: int
    megapixel_iterations: float = Field(description="the work, over all scales")
    need_mb: int = Field(description="memory that a device must have, whatever it does")
    fits: bool = Field(description="whether a live worker can take it")
    largest_max_edge: int | None = Field(
        description="the largest that fits a live worker; null: this one does, or none"
    )
    workers: list[WorkerEstimate]
    queue: QueuePlace = Field(description="where it would stand, and when it would run")
    equal_job: EqualJob | None = Field(
        description="what `reuse: finished_or_active` would answer instead of a new job"
    )


_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class _Asked:
    """A job that could be made.

    Attributes:
        params: As they would be submitted.
        segments: Planned changes.
        priority: How it would stand in line.
        size: Width and height of its photo, px.
        digests: SHA-256 of its pictures, by role and position.
    """

    params: StyleParams
    segments: tuple[Segment, ...]
    priority: int
    size: tuple[int, int]
    digests: dict[tuple[str, int], str]


def estimate(services: Services, owner_id: str, request: Request) -> Estimate:
    """Check a request for a job as if it were one, and say what would come of it.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used.
        PictureRefused: A file is not a picture we take.
    """
    read = _from_json if request.mimetype == JSON else _from_form
    asked = read(services, request)
    params, database = steered(asked.params, asked.segments), services.database
    line = read_queue_state(database)
    waiting = new_waiting(line, owner_id, params, asked.size, asked.priority)
    able = line.able(waiting)
    scales = scale_sizes(params.stages, *asked.size)
    counts = [count for _, count in params.stages]
    width, height = _fitted(asked.size, params.max_edge)
    return Estimate(
        width=width,
        height=height,
        iterations=params.iterations,
        megapixel_iterations=round(
            sum(area * n for area, n in zip(scales, counts, strict=True)), 2
        ),
        need_mb=round(waiting.need_bytes / _MEGA),
        fits=bool(able),
        largest_max_edge=None if able else _largest(params, line),
        workers=_workers(params, line, waiting),
        queue=new_place(database, line, waiting),
        equal_job=_equal_job(database, owner_id, asked),
    )


def _from_form(services: Services, request: Request) -> _Asked:
    with received(request, services, JOB_FORM) as form:
        wanted, checked = checked_form(services, form)
        digests = {
            (one.role, one.position): hashlib.sha256(one.read()).hexdigest()
            for one in wanted.pictures
        }
    size = next((i.width, i.height) for one, i in checked if one.role == "content")
    return _Asked(
        wanted.params, wanted.segments, wanted.options.priority, size, digests
    )


def _from_json(services: Services, request: Request) -> _Asked:
    stored = stored_request(request, services.database.time)
    params, pictures = checked_work(services, stored)
    size = next((p.info.width, p.info.height) for p in pictures if p.is_content)
    digests = {(one.role, one.position): one.asset.digest for one in pictures}
    return _Asked(params, stored.segments, stored.options.priority, size, digests)


def _equal_job(database: Database, owner_id: str, asked: _Asked) -> EqualJob | None:
    """Find the job that `reuse` would take for this one."""
    digest = work_digest(asked.params, asked.segments, asked.digests)
    job_id = find_equal(database, owner_id, digest)
    if job_id is None:
        return None
    try:
        found = present(database, get_job(database, owner_id, job_id))
    except (JobNotFound, JobPurged):  # deleted in between
        return None
    return EqualJob(id=found.id, state=found.state, urls=found.urls)


def _largest(params: StyleParams, line: QueueState) -> int | None:
    room = max((server.device_bytes for server in line.servers), default=None)
    return None if room is None else largest_edge(params, room)


def _workers(
    params: StyleParams, line: QueueState, asked: Waiting
) -> list[WorkerEstimate]:
    kinds: dict[tuple[str, int], list[Server]] = {}
    for server in line.servers:
        kinds.setdefault((server.setup, server.device_bytes), []).append(server)
    return [_worker(params, alike, asked) for _, alike in sorted(kinds.items())]


def _worker(params: StyleParams, alike: list[Server], asked: Waiting) -> WorkerEstimate:
    one = alike[0]
    fits = one.can_hold(asked)
    peak = peak_bytes(params, one.device_bytes) if fits else None
    return WorkerEstimate(
        device=one.device_class,
        setup=one.setup,
        count=len(alike),
        device_mb=round(one.device_bytes / _MEGA),
        fits=fits,
        peak_mb=None if peak is None else round(peak / _MEGA),
        **_span(asked.spans.get(one.setup) if fits else None),
    )


def _span(span: Span | None) -> Mapping[str, object]:
    if span is None:
        return dict.fromkeys(("seconds", "low_s", "high_s", "confidence"))
    return {
        "seconds": round(span.seconds, 1),
        "low_s": round(span.low, 1),
        "high_s": round(span.high, 1),
        "confidence": confidence_of(span),
    }


def _fitted(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """The photo's shape at a long side of `edge` px, as the engine rounds it."""
    longest = max(size)
    width, height = (max(1, round(side * edge / longest)) for side in size)
    return width, height


blueprint = make_blueprint("estimates", "What jobs would take.")


@post(
    blueprint, "/v1/estimates", JobForm, JobJson, s200=Estimate, s400=None, s413=None,
    s415=None, s503=None,
)  # fmt: skip
def estimate_job() -> Response:
    """Say how long a job would take, whether it fits, and when it would run.

    Takes what `POST /v1/jobs` takes, checks it alike, and makes nothing.
    """
    return answer(estimate(current_services(), current_owner_id(), request))
