"""Actions of users at random moments, and faults of the API servers."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from chaos.farm_settings import FREEZE_RANGE_SECONDS
from chaos.hash_chain import FIRST_SEED
from chaos.records import Fault, RequestedAction
from shared.db.models.jobs import Job
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.farm.running_farm import RunningFarm

_PART = "API"


def cancel(scene: RunningFarm) -> Fault | None:
    """Cancel a job."""
    return _request_any(scene, "cancel")


def finish(scene: RunningFarm) -> Fault | None:
    """Finish a chain early: its result can be checked after any iteration."""
    return _request_any(scene, "finish", chains_only=True)


def pause(scene: RunningFarm) -> Fault | None:
    """Pause a random job, and resume it after some time."""
    job_id = pick_job(scene)
    return None if job_id is None else pause_job(scene, job_id)


def pause_job(scene: RunningFarm, job_id: str) -> Fault:
    """Pause this job, and resume it after some time."""
    seconds = scene.rng.uniform(0.1, 4)
    scene.delayed.schedule(seconds, partial(_say, scene, job_id, "resume"))
    return _say(scene, job_id, "pause")


def steer(scene: RunningFarm) -> Fault | None:
    """Change the style weight of a chain; every later link depends on it."""
    if (job_id := pick_job(scene, chains_only=True)) is None:
        return None
    send = partial(scene.pick_client().steer, job_id, pick_style_weight(scene))
    return _say(scene, job_id, "steer", send)


def kill_an_api(scene: RunningFarm) -> Fault | None:
    """Kill one API server, and start it again; the other server remains."""
    if _PART in scene.broken_parts:
        return None
    now = time.time()
    scene.rng.choice(scene.servers).kill()
    return Fault("API killed", now, now)


def freeze_an_api(scene: RunningFarm) -> Fault | None:
    """Freeze one API server with all locks it holds; the other server remains."""
    if _PART in scene.broken_parts:
        return None
    server = scene.rng.choice(scene.servers)
    seconds, now = scene.rng.uniform(*FREEZE_RANGE_SECONDS), time.time()
    server.send(signal.SIGSTOP)
    scene.restore_after(_PART, seconds, partial(server.send, signal.SIGCONT))
    return Fault("API frozen", now, now + seconds)


def resume_all(scene: RunningFarm) -> None:
    """Resume all paused jobs, so that every job can end."""
    with scene.environment.db.read() as session:
        paused = select(Job.id).where(Job.state == JobState.PAUSED)
        ids = session.scalars(paused).all()
    for job_id in ids:
        scene.pick_client().request_action(job_id, "resume")


def _request_any(
    scene: RunningFarm, verb: str, *, chains_only: bool = False
) -> Fault | None:
    job_id = pick_job(scene, chains_only=chains_only)
    return None if job_id is None else _say(scene, job_id, verb)


def _say(
    scene: RunningFarm,
    job_id: str,
    verb: str,
    send: Callable[[], int | None] | None = None,
) -> Fault:
    """Request an action in a thread: a response may take as long as an outage."""
    now = time.time()
    send = send or partial(scene.pick_client().request_action, job_id, verb)

    def say() -> None:
        status = send()
        asked = RequestedAction(job_id, verb, status, now, time.time() - now)
        scene.records.actions.append(asked)

    scene.threads.submit(say)
    return Fault(verb, now, now)


def pick_style_weight(scene: RunningFarm) -> float:
    """Choose a random style weight."""
    return round(scene.rng.uniform(1, 30), 3)


def pick_job(scene: RunningFarm, *, chains_only: bool = False) -> str | None:
    """Choose a random unfinished job."""
    with scene.environment.db.read() as session:
        rows = session.execute(
            select(Job.id, Job.params).where(Job.state.not_in(TERMINAL))
        ).all()
    ids = [
        row.id
        for row in rows
        if not chains_only or row.params.get("seed", 0) >= FIRST_SEED
    ]
    return scene.rng.choice(ids) if ids else None
