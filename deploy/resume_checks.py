"""What must be seen of a job whose worker was killed: where it went on, its picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.client.models import Job


class Disappointed(Exception):
    """Everything ran, but not to what was promised; the message says what."""


def newest_checkpoint(job: Job) -> int:
    """Return the iteration that a job would go on from."""
    return max(int(each["iteration"]) for each in job.checkpoints)


def worker_of(job: Job) -> str | None:
    """Return the id of who has a job now."""
    return job.worker.id if job.worker else None


def resumed_at(logs: str, before: Job) -> int:
    """Find in the workers' logs from which iteration a job was gone on with.

    The job itself does not tell: a lost attempt that made a checkpoint is not counted.

    Args:
        logs: JSON, an event per line, among other lines.
        before: The job as it was when its worker was killed.

    Raises:
        Disappointed: It began anew, or before its newest checkpoint.
    """
    # A killed worker may have left half a line.
    lines = [line for line in logs.splitlines() if line[:1] + line[-1:] == "{}"]
    events = [json.loads(line) for line in lines]
    resumed = [
        int(event["iteration"])
        for event in events
        if event["event"] == "job_resumed" and event["job_id"] == before.id
    ]
    if not resumed or resumed[-1] < newest_checkpoint(before):
        raise Disappointed(
            f"it went on at {resumed}, though {newest_checkpoint(before)} was kept"
        )
    return resumed[-1]


def describe_picture(path: Path, edge_px: int) -> str:
    """Decode a picture and say what it is.

    Raises:
        Disappointed: It does not decode, has another long side, or a single color.
    """
    try:
        with Image.open(path) as picture:
            lowest_and_highest = picture.convert("L").getextrema()
    except OSError as error:
        raise Disappointed(f"the result does not decode: {error}") from error
    if max(picture.size) != edge_px or len(set(lowest_and_highest)) == 1:
        raise Disappointed(f"the result is no picture: {picture}")
    width, height = picture.size
    return f"{picture.format} of {width} x {height}, {path.stat().st_size} bytes"
