"""Text about jobs and estimates: lines, columns and tables, by pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from impasto.client.models import Estimate, Job, Progress, Queue, WorkerEstimate

# Allowed actions of a job, as `can be ...`.
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
_SHOWN_PARAMS = (
    *("max_edge", "quality", "schedule", "style_weight", "content_weight"),
    *("tv_weight", "optimizer", "init", "seed", "network"),
    *("layers", "units", "top_k"),
)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def format_duration(seconds: float) -> str:
    """Format a duration: `42 s`, `2 min 05 s`, `3 h 07 min`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def format_queued(job: Job) -> str:
    """Format the state of a queued job, with its place in the queue."""
    if job.queue is None:
        return job.state
    place = f"place {job.queue.position}" if job.queue.position else "waiting"
    reason = (job.queue.reason or "").replace("_", " ")
    status = f"{job.state}, {place}" + (f" ({reason})" if reason else "")
    return f"{status}{_format_start(job.queue)}"


def _format_start(queue: Queue) -> str:
    if not queue.starts_in_s:
        return ""
    return f", starts in about {format_duration(queue.starts_in_s)}"


def format_progress(progress: Progress) -> str:
    """Format the progress: `scale 2/3, iteration 110/210`, or `picture 12/58`."""
    if progress.phase == "looking":
        return f"picture {progress.iteration}/{progress.iterations}"
    parts = []
    if progress.scale:
        parts.append(f"scale {progress.scale.index + 1}/{progress.scale.count}")
    if progress.iteration is not None and progress.iterations:
        parts.append(f"iteration {progress.iteration}/{progress.iterations}")
    return ", ".join(parts) or progress.phase or ""


def format_pace(progress: Progress) -> str:
    """Format the losses, the speed and the remaining time, if known."""
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
        parts.append(f"{format_duration(progress.eta_s)} left")
    return ", ".join(parts)


def format_status(job: Job) -> str:
    """Format the state and progress of a job, in one line."""
    if job.is_over:
        return format_outcome(job)
    progress = job.progress
    if job.state == "queued" or progress is None:
        return format_queued(job)
    pace = format_pace(progress) if job.state != "paused" else ""
    parts = (f"{progress.fraction:.0%}", format_progress(progress), pace)
    line = ", ".join(part for part in parts if part)
    if job.finish_requested:
        return f"finishing, {line}"
    return line if job.state == "running" else f"{job.state}, {line}"


def format_outcome(job: Job) -> str:
    """Format the outcome of a job."""
    seconds = _run_seconds(job)
    if job.error is not None:
        return f"{job.state}: {job.error.message} ({job.error.code})"
    early = f" early{_format_iterations_done(job)}" if job.completion == "early" else ""
    state = f"{job.state}{early}"
    return f"{state} in {format_duration(seconds)}" if seconds is not None else state


def _format_iterations_done(job: Job) -> str:
    progress = job.progress
    if progress is None or progress.iteration is None:
        return ""
    return f" ({progress.iteration} of {progress.iterations} iterations)"


def _run_seconds(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()


def format_details(job: Job) -> str:
    """Format all details of a job, one per line."""
    return _align_rows(list(_detail_rows(job)))


def _align_rows(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in rows)


def _detail_rows(job: Job) -> Iterator[tuple[str, str]]:
    yield "job", job.id
    if job.name:
        yield "name", job.name
    yield "state", format_status(job)
    if job.created_at:
        yield "created", f"{job.created_at:%Y-%m-%d %H:%M:%S %Z}"
    if job.attempts:
        yield "attempts", f"{job.attempts} of {job.max_attempts}"
    if job.worker and job.worker.device:
        yield "worker", f"{job.worker.name or job.worker.id} ({job.worker.device})"
    yield from _option_rows(job)
    yield from _lineage_rows(job)
    yield from _result_rows(job)


def _option_rows(job: Job) -> Iterator[tuple[str, str]]:
    for name in _SHOWN_PARAMS:
        if job.params.get(name) is not None:
            yield name, str(job.params[name])
    for segment in job.segments:
        yield "steered", _format_segment(segment)


def _format_segment(segment: Mapping[str, Any]) -> str:
    start = segment.get("from_iteration")
    first = "the next iteration" if start is None else f"iteration {start}"
    changes = segment.get("changes") or {}
    parts = (f"{name}={value}" for name, value in changes.items() if value is not None)
    return f"from {first}: {', '.join(parts)}"


def _lineage_rows(job: Job) -> Iterator[tuple[str, str]]:
    if job.parent:
        checkpoint = f"{job.parent.job_id} at iteration {job.parent.iteration}"
        yield "parent", f"{job.parent.relation} of {checkpoint}"
    if job.checkpoints:
        iterations = (str(item.get("iteration")) for item in job.checkpoints)
        yield "checkpoints", ", ".join(iterations)
    if job.allowed_actions:
        actions = (_PARTICIPLES.get(name, name) for name in job.allowed_actions)
        yield "can be", ", ".join(actions)


def _result_rows(job: Job) -> Iterator[tuple[str, str]]:
    for output in job.outputs:
        label, size = "file", ""
        if output.width is not None:
            label, size = "picture", f"{output.width} x {output.height} px, "
        yield label, f"{size}{(output.bytes or 0) / 1e6:.2f} MB, {output.url}"
    if job.exact is not None:
        yield "exact", "yes" if job.exact else f"no: {job.exact_reason}"
    if job.error and job.error.hint:
        yield "hint", job.error.hint


def format_table(jobs: Iterable[Job], now: datetime | None = None) -> str:
    """Format jobs in columns: id, state, progress, age, name."""
    now = now or datetime.now(UTC)
    rows = [("ID", "STATE", "DONE", "AGE", "NAME")]
    rows += [_table_row(job, now) for job in jobs]
    return _align_columns(rows)


def _align_columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _table_row(job: Job, now: datetime) -> tuple[str, str, str, str, str]:
    age = _format_age((now - job.created_at).total_seconds()) if job.created_at else ""
    done = f"{job.progress.fraction:.0%}" if job.progress else ""
    if job.state == "queued" and job.queue and job.queue.position:
        done = f"#{job.queue.position}"
    return (job.id, job.state, done, age, job.name or "")


def _format_age(seconds: float) -> str:
    units = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))
    for size, unit in units:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def format_log(rows: Iterable[Mapping[str, Any]]) -> str:
    """Format the log of a job: time, event, state and details of each row."""
    return "\n".join(_log_line(row) for row in rows)


def _log_line(row: Mapping[str, Any]) -> str:
    before, state = row.get("from_state"), row.get("state")
    states = f"{before} -> {state}" if before not in {None, state} else str(state)
    details = (f"{name}={value}" for name, value in (row.get("detail") or {}).items())
    at = str(row.get("at"))[:19].replace("T", " ")
    return " ".join([at, str(row.get("event")), states, *details])


def format_frames(frames: Sequence[Mapping[str, Any]]) -> str:
    """Format the previews of a job in columns: iteration, size, losses."""
    rows = [("ITERATION", "SIZE", "LOSSES")]
    for frame in frames:
        losses = (
            f"{name} {value:.4g}" for name, value in frame["losses"].items() if value
        )
        size = f"{frame['width']} x {frame['height']}"
        rows.append((str(frame["iteration"]), size, ", ".join(losses)))
    return _align_columns(rows)


def format_queue(queue: Mapping[str, Any]) -> str:
    """Format the state of the queue, and the wait of a new job by its priority."""
    counts = ("queued", "running", "workers", "draining")
    rows = [(name, str(queue[name])) for name in counts]
    for priority, wait in queue["estimated_wait"].items():
        seconds, reason = wait["starts_in_s"], wait["reason"].replace("_", " ")
        start = "unknown" if seconds is None else f"about {format_duration(seconds)}"
        rows.append((f"wait, {priority}", f"{start} ({reason})"))
    return _align_rows(rows)


def format_estimate(estimate: Estimate) -> str:
    """Format the estimate of a job, one value per line."""
    rows = [
        ("picture", f"{estimate.width} x {estimate.height} px"),
        ("iterations", str(estimate.iterations)),
        ("memory", f"{estimate.need_mb} MB at least"),
        *(
            (f"on {worker.setup}", _format_worker_estimate(worker))
            for worker in estimate.workers
        ),
    ]
    if not estimate.fits:
        largest = estimate.largest_max_edge
        hint = f"; --max-edge {largest} would" if largest else ""
        rows.append(("fits", f"no worker that is up{hint}"))
    if estimate.queue:
        rows.append(("queue", _format_queue(estimate.queue)))
    if equal := estimate.equal_job:
        usage = "--reuse finished_or_active takes it"
        rows.append(("equal job", f"{equal.id} ({equal.state}); {usage}"))
    return _align_rows(rows)


def _format_worker_estimate(worker: WorkerEstimate) -> str:
    if not worker.fits:
        return "does not fit"
    memory = f", {worker.peak_mb} MB" if worker.peak_mb else ""
    if worker.seconds is None or worker.low_s is None or worker.high_s is None:
        return f"nobody knows how long yet{memory}"
    limits = f"{format_duration(worker.low_s)} to {format_duration(worker.high_s)}"
    return f"about {format_duration(worker.seconds)} ({limits}){memory}"


def _format_queue(queue: Queue) -> str:
    reason = (queue.reason or "").replace("_", " ")
    if queue.starts_in_s is None:
        return f"place {queue.position} ({reason})"
    if queue.starts_in_s < 1:
        return f"place {queue.position}, starts at once"
    return f"place {queue.position}{_format_start(queue)}"
