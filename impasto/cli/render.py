"""Jobs in plain words and aligned columns; pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from impasto.client.models import Estimate, Job, Progress, Queue, WorkerEstimate

# What people can do with a job.
_PARTICIPLES = {
    "cancel": "canceled",
    "pause": "paused",
    "resume": "resumed",
    "finish": "finished now",
    "steer": "changed (set)",
    "fork": "forked",
    "extend": "extended",
    "retry": "retried",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Write a time span as people say it: `42 s`, `2 min 05 s`, `3 h 07 min`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def waiting(job: Job) -> str:
    """Say where a queued job stands."""
    if job.queue is None:
        return job.state
    place = f"place {job.queue.position}" if job.queue.position else "waiting"
    reason = (job.queue.reason or "").replace("_", " ")
    told = f"{job.state}, {place}" + (f" ({reason})" if reason else "")
    return f"{told}{_start(job.queue)}"


def _start(queue: Queue) -> str:
    if not queue.starts_in_s:
        return ""
    return f", starts in about {duration(queue.starts_in_s)}"


def work(progress: Progress) -> str:
    """Say where a job is: `scale 2/3, iteration 110/210`, or `picture 12/58`."""
    if progress.phase == "looking":
        return f"picture {progress.iteration}/{progress.iterations}"
    parts = []
    if progress.scale:
        parts.append(f"scale {progress.scale.index + 1}/{progress.scale.count}")
    if progress.iteration is not None and progress.iterations:
        parts.append(f"iteration {progress.iteration}/{progress.iterations}")
    return ", ".join(parts) or progress.phase or ""


def pace(progress: Progress) -> str:
    """Say how fast it goes and what the loss is, as far as known."""
    parts = []
    if progress.losses:
        parts += [
            f"{name} {value:.4g}"
            for name, value in progress.losses.items()
            if value and name in {"content", "style", "tv"}
        ]
    if progress.it_per_s is not None:
        parts.append(f"{progress.it_per_s:.2f} it/s")
    if progress.eta_s is not None:
        parts.append(f"{duration(progress.eta_s)} left")
    return ", ".join(parts)


def headline(job: Job) -> str:
    """Say in one line what the job is doing."""
    if job.is_over:
        return outcome(job)
    progress = job.progress
    if job.state == "queued" or progress is None:
        return waiting(job)
    hurry = pace(progress) if job.state != "paused" else ""
    parts = (f"{progress.fraction:.0%}", work(progress), hurry)
    line = ", ".join(part for part in parts if part)
    if job.finish_requested:
        return f"finishing, {line}"
    return line if job.state == "running" else f"{job.state}, {line}"


def outcome(job: Job) -> str:
    """Say how the job ended."""
    took = _took(job)
    if job.error is not None:
        return f"{job.state}: {job.error.message} ({job.error.code})"
    early = f" early{_how_far(job)}" if job.completion == "early" else ""
    ended = f"{job.state}{early}"
    return f"{ended} in {duration(took)}" if took is not None else ended


def _how_far(job: Job) -> str:
    progress = job.progress
    if progress is None or progress.iteration is None:
        return ""
    return f" ({progress.iteration} of {progress.iterations} iterations)"


def _took(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()


def details(job: Job) -> str:
    """Say all that a person wants to know of a job, one fact per line."""
    width = max(len(label) for label, _ in _facts(job))
    return "\n".join(f"{label:<{width}}  {value}" for label, value in _facts(job))


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    yield "job", job.id
    if job.name:
        yield "name", job.name
    yield "state", headline(job)
    if job.created_at:
        yield "created", f"{job.created_at:%Y-%m-%d %H:%M:%S %Z}"
    if job.attempts:
        yield "attempts", f"{job.attempts} of {job.max_attempts}"
    if job.worker and job.worker.device:
        yield "worker", f"{job.worker.name or job.worker.id} ({job.worker.device})"
    yield from _wishes(job)
    yield from _lineage(job)
    yield from _results(job)


def _wishes(job: Job) -> Iterator[tuple[str, str]]:
    names = ("max_edge", "quality", "schedule", "style_weight", "content_weight")
    looks = ("layers", "units", "top_k")
    more = ("tv_weight", "optimizer", "init", "seed", "network")
    for name in (*names, *more, *looks):
        if job.params.get(name) is not None:
            yield name, str(job.params[name])
    for segment in job.segments:
        yield "steered", _segment(segment)


def _segment(segment: Mapping[str, Any]) -> str:
    start = segment.get("from_iteration")
    since = "the next iteration" if start is None else f"iteration {start}"
    changes = segment.get("changes") or {}
    named = (f"{name}={new}" for name, new in changes.items() if new is not None)
    return f"from {since}: {', '.join(named)}"


def _lineage(job: Job) -> Iterator[tuple[str, str]]:
    if job.parent:
        where = f"{job.parent.job_id} at iteration {job.parent.iteration}"
        yield "parent", f"{job.parent.relation} of {where}"
    if job.checkpoints:
        places = (str(one.get("iteration")) for one in job.checkpoints)
        yield "checkpoints", ", ".join(places)
    if job.allowed_actions:
        yield "can be", ", ".join(_PARTICIPLES.get(a, a) for a in job.allowed_actions)


def _results(job: Job) -> Iterator[tuple[str, str]]:
    for output in job.outputs:
        label, size = "file", ""
        if output.width is not None:
            label, size = "picture", f"{output.width} x {output.height} px, "
        yield label, f"{size}{(output.bytes or 0) / 1e6:.2f} MB, {output.url}"
    if job.exact is not None:
        yield "exact", "yes" if job.exact else f"no: {job.exact_reason}"
    if job.error and job.error.hint:
        yield "hint", job.error.hint


def table(jobs: Iterable[Job], now: datetime | None = None) -> str:
    """Lay jobs out in columns: id, state, progress, age, name."""
    moment = now or datetime.now(UTC)
    rows = [("ID", "STATE", "DONE", "AGE", "NAME")]
    rows += [_row(job, moment) for job in jobs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _row(job: Job, now: datetime) -> tuple[str, str, str, str, str]:
    age = _age((now - job.created_at).total_seconds()) if job.created_at else ""
    done = f"{job.progress.fraction:.0%}" if job.progress else ""
    if job.state == "queued" and job.queue and job.queue.position:
        done = f"#{job.queue.position}"
    return (job.id, job.state, done, age, job.name or "")


def _age(seconds: float) -> str:
    units = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))
    for size, unit in units:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def foretold(estimate: Estimate) -> str:
    """Say what a job would take, one fact per line."""
    facts = [
        ("picture", f"{estimate.width} x {estimate.height} px"),
        ("iterations", str(estimate.iterations)),
        ("memory", f"{estimate.need_mb} MB at least"),
        *((f"on {one.setup}", _takes(one)) for one in estimate.workers),
    ]
    if not estimate.fits:
        largest = estimate.largest_max_edge
        hint = f"; --max-edge {largest} would" if largest else ""
        facts.append(("fits", f"no worker that is up{hint}"))
    if estimate.queue:
        facts.append(("queue", _would_wait(estimate.queue)))
    if equal := estimate.equal_job:
        how = "--reuse finished_or_active takes it"
        facts.append(("equal job", f"{equal.id} ({equal.state}); {how}"))
    width = max(len(label) for label, _ in facts)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in facts)


def _takes(one: WorkerEstimate) -> str:
    if not one.fits:
        return "does not fit"
    memory = f", {one.peak_mb} MB" if one.peak_mb else ""
    if one.seconds is None or one.low_s is None or one.high_s is None:
        return f"nobody knows how long yet{memory}"
    between = f"{duration(one.low_s)} to {duration(one.high_s)}"
    return f"about {duration(one.seconds)} ({between}){memory}"


def _would_wait(queue: Queue) -> str:
    reason = (queue.reason or "").replace("_", " ")
    if queue.starts_in_s is None:
        return f"place {queue.position} ({reason})"
    if queue.starts_in_s < 1:
        return f"place {queue.position}, starts at once"
    return f"place {queue.position}{_start(queue)}"
