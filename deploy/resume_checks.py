"""Checks of a job whose worker was killed: its resumption and its picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.client.models import Job


class CheckFailed(Exception):
    """All steps ran, but a promise was broken; the message says which."""


def newest_checkpoint(job: Job) -> int:
    """Return the iteration of the newest checkpoint of a job."""
    return max(int(each["iteration"]) for each in job.checkpoints)


def worker_of(job: Job) -> str | None:
    """Return the id of the worker that has a job."""
    return job.worker.id if job.worker else None


def resumed_at(logs: str, before: Job) -> int:
    """Find the iteration from which a job was resumed, in the logs of the workers.

    The job does not show this: a lost attempt that made a checkpoint is not counted.

    Args:
        logs: Lines of the log; events are JSON objects, other lines are skipped.
        before: The job when its worker was killed.

    Raises:
        CheckFailed: It began again, or before its newest checkpoint.
    """
    # A killed worker may have written half a line.
    lines = [line for line in logs.splitlines() if line[:1] + line[-1:] == "{}"]
    events = [json.loads(line) for line in lines]
    resumed = [
        int(event["iteration"])
        for event in events
        if event["event"] == "job_resumed" and event["job_id"] == before.id
    ]
    if not resumed or resumed[-1] < newest_checkpoint(before):
        raise CheckFailed(
            f"it went on at {resumed}, though {newest_checkpoint(before)} was kept"
        )
    return resumed[-1]


def describe_picture(path: Path, edge_px: int) -> str:
    """Decode a picture and return its format and size as text.

    Raises:
        CheckFailed: It cannot be decoded, has another long side, or a single color.
    """
    try:
        with Image.open(path) as picture:
            lowest_and_highest = picture.convert("L").getextrema()
    except OSError as error:
        raise CheckFailed(f"the result does not decode: {error}") from error
    if max(picture.size) != edge_px or len(set(lowest_and_highest)) == 1:
        raise CheckFailed(f"the result is no picture: {picture}")
    width, height = picture.size
    return f"{picture.format} of {width} x {height}, {path.stat().st_size} bytes"
