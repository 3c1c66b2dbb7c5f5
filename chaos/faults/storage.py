"""Faults of the storage: a full disk, a damaged checkpoint, a removed picture."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from chaos.faults.durations import draw_outage_seconds
from chaos.faults.users import pick_job
from chaos.records import Fault, RemovedInput
from shared.db.models.assets import Asset
from shared.db.models.jobs import Checkpoint, Job, JobInput
from shared.states import LEASED

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.farm.running_farm import RunningFarm

_PART = "disk"
_READ_ONLY, _OURS = 0o500, 0o700


def fill_the_disk(scene: RunningFarm) -> Fault | None:
    """Fill the disk of the blobs; without a separate disk, make it read-only."""
    if _PART in scene.broken_parts:
        return None
    seconds, now = draw_outage_seconds(scene.rng), time.time()
    blobs = scene.environment.blobs
    if scene.environment.small_disk:
        ballast = _fill(blobs)
        scene.restore_after(_PART, seconds, partial(ballast.unlink, missing_ok=True))
        return Fault("disk full", now, now + seconds)
    _set_mode(blobs, _READ_ONLY)
    scene.restore_after(_PART, seconds, partial(_set_mode, blobs, _OURS))
    return Fault("disk read-only", now, now + seconds)


def corrupt_checkpoint(scene: RunningFarm) -> Fault | None:
    """Change a byte of a running job's newest checkpoint, then kill its worker."""
    for berth in scene.workers.slots:
        held = berth.find_job(scene.environment.db)
        if held is None or berth.is_frozen:
            continue
        path = _newest_checkpoint(scene, held[0])
        if path is None or not path.exists():
            continue
        fault = scene.describe_fault("checkpoint corrupted, kill -9", berth)
        berth.send(9)
        _spoil(path)
        return fault
    return None


def remove_input(scene: RunningFarm) -> Fault | None:
    """Remove the picture of an unfinished chain, which no other chain uses."""
    if (job_id := pick_job(scene, chains_only=True)) is None:
        return None
    content = JobInput.job_id == job_id, JobInput.role == "content"
    with scene.environment.db.read() as session:
        key = session.scalar(
            select(Asset.key)
            .join(JobInput, JobInput.asset_id == Asset.id)
            .where(*content)
        )
    (scene.environment.blobs / str(key)).unlink(missing_ok=True)
    now = time.time()
    scene.records.removed_inputs.append(RemovedInput(str(key), now))
    return Fault("input removed", now, now, more=job_id)


def _newest_checkpoint(scene: RunningFarm, job_id: str) -> Path | None:
    with scene.environment.db.read() as session:
        key = session.scalar(
            select(Checkpoint.key)
            .join(Job, Job.id == Checkpoint.job_id)
            .where(Checkpoint.job_id == job_id, Job.state.in_(LEASED))
            .order_by(Checkpoint.iteration.desc(), Checkpoint.fence.desc())
            .limit(1)
        )
    return None if key is None else scene.environment.blobs / key


def _spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))


def _fill(folder: Path) -> Path:
    ballast = folder / ".ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 2**12):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


def _set_mode(root: Path, mode: int) -> None:
    for folder, _, _ in os.walk(root):
        os.chmod(folder, mode)  # noqa: PTH101 - os.walk yields strings
