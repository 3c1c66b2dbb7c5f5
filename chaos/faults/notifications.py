"""Messages on the queue that nobody should have sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import redis
from sqlalchemy import select

from chaos.records import Fault
from shared.db.models.jobs import Job
from shared.queue import TASK_NAME, create_celery_app, queue_name
from shared.settings import Settings

if TYPE_CHECKING:
    from chaos.farm.running_farm import RunningFarm

_COPIES = 5
_LIST = f"impasto:{queue_name(None)}"


def double_notifications(scene: RunningFarm) -> Fault | None:
    """Ring several times for jobs that wait, run or are over."""
    if "redis" in scene.broken_parts:
        return None
    with scene.environment.db.read() as session:
        newest = select(Job.id).order_by(Job.created_at.desc()).limit(_COPIES)
        ids = session.scalars(newest).all()
    for job_id in ids:
        for _ in range(_COPIES):
            _send(scene, TASK_NAME, [job_id])
    now = time.time()
    return Fault(
        "notifications doubled", now, now, more=f"{_COPIES * len(ids)} messages"
    )


def send_foreign_notifications(scene: RunningFarm) -> Fault | None:
    """Ring for jobs that do not exist, with tasks nobody knows, and with rubbish."""
    if "redis" in scene.broken_parts:
        return None
    kind = scene.rng.choice(["unknown job", "unknown task", "no arguments", "rubbish"])
    if kind == "rubbish":
        with redis.Redis.from_url(scene.environment.redis.url) as client:
            client.lpush(_LIST, b"\x00 not a message")
    elif kind == "unknown task":
        _send(scene, "somebody.elses.task", ["x"])
    else:
        _send(scene, TASK_NAME, ["job_nobody"] if kind == "unknown job" else [])
    now = time.time()
    return Fault("foreign messages", now, now, more=kind)


def _send(scene: RunningFarm, task: str, arguments: list[str]) -> None:
    """Send past the proxy, so that it arrives."""
    settings = Settings(
        home=scene.environment.home, redis_url=scene.environment.redis.url
    )
    with create_celery_app(settings) as queue:
        queue.send_task(task, args=arguments, queue=queue_name(None), retry=False)
