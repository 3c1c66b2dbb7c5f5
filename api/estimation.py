"""What a job would take if it were submitted now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.estimate_schemas import EqualJob, Estimate, WorkerEstimate
from api.forms import JOB_FORM, received
from api.presenters import present
from api.stored_jobs import checked_work
from api.stored_requests import stored_request
from api.strict_json import JSON
from api.submission import checked_form
from api.waiting_line import confidence_of, new_place, new_waiting
from api.work_digests import work_digest
from shared import jobs
from shared.errors import JobNotFound, JobPurged
from shared.estimates import peak_bytes
from shared.fitting import largest_edge
from shared.pacing import scale_sizes
from shared.steering import steered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from api.services import Services
    from shared.db import Database
    from shared.jobs import Line
    from shared.pacing import Span
    from shared.params import StyleParams
    from shared.queueing import Server, Waiting
    from shared.steering import Segment

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
    line = jobs.line(database)
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
    job_id = jobs.find_equal(database, owner_id, digest)
    if job_id is None:
        return None
    try:
        found = present(database, jobs.get_job(database, owner_id, job_id))
    except (JobNotFound, JobPurged):  # deleted in between
        return None
    return EqualJob(id=found.id, state=found.state, urls=found.urls)


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
