"""What people do at random moments; and the API killed while they do it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from chaos.hash_chain import FIRST_SEED
from chaos.records import Fault, RequestedAction
from shared.db.models.jobs import Job
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.farm.running_farm import RunningFarm


def cancel(scene: RunningFarm) -> Fault | None:
    """Cancel a job."""
    return _request_any(scene, "cancel")


def finish(scene: RunningFarm) -> Fault | None:
    """Want the picture of a chain now: it can be checked at any length."""
    return _request_any(scene, "finish", chains_only=True)


def pause(scene: RunningFarm) -> Fault | None:
    """Pause a job, and resume it some time later."""
    job_id = _any_job(scene)
    return None if job_id is None else pause_job(scene, job_id)


def pause_job(scene: RunningFarm, job_id: str) -> Fault:
    """Pause this one, and resume it some time later."""
    seconds = scene.rng.uniform(0.1, 4)
    scene.delayed.schedule(seconds, partial(_say, scene, job_id, "resume"))
    return _say(scene, job_id, "pause")


def steer(scene: RunningFarm) -> Fault | None:
    """Change the style weight of a chain, which every later link depends on."""
    if (job_id := _any_job(scene, chains_only=True)) is None:
        return None
    weight = round(scene.rng.uniform(1, 30), 3)
    send = partial(scene.client.steer, job_id, weight)
    return _say(scene, job_id, "steer", send)


def kill_the_api(scene: RunningFarm) -> Fault | None:
    """SIGKILL of the API, which is started again."""
    now = time.time()
    scene.server.kill()
    return Fault("API killed", now, now)


def resume_all(scene: RunningFarm) -> None:
    """Resume whatever is paused, so that every job may end."""
    with scene.environment.db.read() as session:
        paused = select(Job.id).where(Job.state == JobState.PAUSED)
        ids = session.scalars(paused).all()
    for job_id in ids:
        scene.client.request_action(job_id, "resume")


def _request_any(
    scene: RunningFarm, verb: str, *, chains_only: bool = False
) -> Fault | None:
    job_id = _any_job(scene, chains_only=chains_only)
    return None if job_id is None else _say(scene, job_id, verb)


def _say(
    scene: RunningFarm,
    job_id: str,
    verb: str,
    send: Callable[[], int | None] | None = None,
) -> Fault:
    """Say it in a thread: an answer may take as long as the database is away."""
    now = time.time()
    send = send or partial(scene.client.request_action, job_id, verb)

    def say() -> None:
        scene.records.actions.append(RequestedAction(job_id, verb, send(), now))

    scene.threads.submit(say)
    return Fault(verb, now, now)


def _any_job(scene: RunningFarm, *, chains_only: bool = False) -> str | None:
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
