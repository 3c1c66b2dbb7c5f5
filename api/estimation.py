"""What a job would take if it were submitted now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.bodies import PRIORITIES
from api.estimate_schemas import Estimate, WorkerEstimate
from api.forms import JOB_FORM, received
from api.job_requests import job_request
from api.json_bodies import JSON
from api.mask_checks import check_masks
from api.schemas import QueuePlace
from api.stored_jobs import checked_work
from api.stored_requests import stored_request
from api.submission import inspect_all
from api.waiting_line import confidence_of, reason_of, times_of
from shared import jobs
from shared.estimates import need_bytes, peak_bytes
from shared.fitting import largest_edge
from shared.pacing import scale_sizes
from shared.queueing import Waiting
from shared.steering import steered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from api.services import Services
    from shared.jobs import Line
    from shared.pacing import Span
    from shared.params import StyleParams
    from shared.queueing import Server

_MEGA = 1e6


def estimate(services: Services, owner_id: str, request: Request) -> Estimate:
    """Check a request for a job as if it were one, and say what would come of it.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used.
        PictureRefused: A file is not a picture we take.
    """
    if request.mimetype == JSON:
        stored = stored_request(request, services.database.time)
        params, pictures = checked_work(services, stored)
        size = next((p.info.width, p.info.height) for p in pictures if p.is_content)
        planned, priority = stored.segments, stored.options.priority
    else:
        with received(request, services, JOB_FORM) as form:
            wanted = job_request(form, services.database.time)
            checked = inspect_all(services, wanted.pictures)
            check_masks(services, checked)
        size = next((i.width, i.height) for one, i in checked if one.role == "content")
        params, planned = wanted.params, wanted.segments
        priority = wanted.options.priority
    return estimate_of(services, owner_id, steered(params, planned), size, priority)


def estimate_of(
    services: Services,
    owner_id: str,
    params: StyleParams,
    size: tuple[int, int],
    priority: int = PRIORITIES["normal"],
) -> Estimate:
    """Say what a job of these parameters would take.

    Args:
        services: Of this process.
        owner_id: Whose it would be.
        params: With all planned changes.
        size: Width and height of its photo.
        priority: How it would stand in line.
    """
    database = services.database
    line, need = jobs.line(database), need_bytes(params)
    spans = jobs.spans_on(line.times, line.setups, params.model_dump(), size)
    key = jobs.ready_key(database.time(), priority)
    asked = Waiting("", owner_id, key, need_bytes=need, spans=spans)
    able = line.able(asked)
    scales = scale_sizes(params.stages, *size)
    counts = [count for _, count in params.stages]
    width, height = _fitted(size, params.max_edge)
    return Estimate(
        width=width,
        height=height,
        iterations=params.iterations,
        megapixel_iterations=round(
            sum(area * n for area, n in zip(scales, counts, strict=True)), 2
        ),
        need_mb=round(need / _MEGA),
        fits=bool(able),
        largest_max_edge=None if able else _largest(params, line),
        workers=_workers(params, line, asked),
        queue=_queue(line, asked),
    )


def _queue(line: Line, asked: Waiting) -> QueuePlace:
    ahead, slot = line.with_job(asked)
    reason = reason_of(line, asked)
    return QueuePlace(position=ahead + 1, ahead=ahead, reason=reason, **times_of(slot))


def _largest(params: StyleParams, line: Line) -> int | None:
    room = max((server.device_bytes for server in line.servers), default=None)
    return None if room is None else largest_edge(params, room)


def _workers(params: StyleParams, line: Line, asked: Waiting) -> list[WorkerEstimate]:
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
