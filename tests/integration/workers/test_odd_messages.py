"""Messages on a worker's queue that no notifier sends: none ends it or comes back."""

from __future__ import annotations

import base64
import json
import uuid

import redis

from shared.queue import TASK_NAME, queue_name
from shared.settings import Settings
from shared.states import JobState
from shared.workers.registry import list_workers
from tests.support.processes import PATIENCE_SECONDS, wait_until
from worker.app import create_receiver

SHORT = {"max_edge": 64, "schedule": ((64, 3),)}
QUEUE = f"impasto:{queue_name(None)}"
EMBEDDED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
GOOD_BODY = [["job_nobody"], {}, EMBEDDED]
FAR = "2999-01-01T00:00:00+00:00"
SPAM = {"task": TASK_NAME, "args": [], "kwargs": {}, "options": {"queue": "spam"}}


def message(body, content_type="application/json", properties=None, **headers):
    """A message as Celery sends it to Redis, with a body and headers of choice."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {
        "body": base64.b64encode(raw).decode(),
        "content-encoding": "utf-8",
        "content-type": content_type,
        "headers": {"lang": "py", "task": TASK_NAME, "id": "1", **headers},
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": queue_name(None)},
            "delivery_mode": 2,
            "delivery_tag": str(uuid.uuid4()),
            "priority": 0,
            **(properties or {}),
        },
    }


ODD_BODIES = [
    *([], {}, "x", None, 0, True, [[]], [[], {}], [[], {}, {}, {}], [None, None, None]),
    *([["a", "b", "c"], {}, EMBEDDED], [[], {"no": 1}, EMBEDDED], ["x", "y", "z"]),
    [[], {}, EMBEDDED | {"callbacks": [SPAM], "chain": [SPAM], "chord": SPAM}],
    [["x" * 8_000_000], {}, EMBEDDED],
    *(b"", b"not JSON", b"\xff\xfe", b"[" * 100_000),
]
ODD_MESSAGES = {
    **{f"body {body!r:.40}": message(body) for body in ODD_BODIES},
    "pickle": message(b"cos\nsystem\n.", "application/x-python-serialize"),
    "unknown content type": message(GOOD_BODY, "x/y"),
    "no content type": {**message(GOOD_BODY), "content-type": None},
    "unknown content encoding": {**message(GOOD_BODY), "content-encoding": "x"},
    "compressed": message(GOOD_BODY, compression="application/x-gzip"),
    "unknown task": message(GOOD_BODY, task="somebody.elses"),
    "task of another type": message(GOOD_BODY, task=[]),
    "a task of Celery": message([[SPAM, []], {}, EMBEDDED], task="celery.map"),
    "without an id": message(GOOD_BODY, id=None),
    "no headers": {**message(GOOD_BODY), "headers": None},
    "empty headers": {**message(GOOD_BODY), "headers": {}},
    "headers that are a list": {**message(GOOD_BODY), "headers": []},
    "old protocol": {**message({"task": TASK_NAME, "args": 1}), "headers": {}},
    "far eta": message(GOOD_BODY, eta=FAR),
    "odd eta": message(GOOD_BODY, eta={}),
    "expired": message(GOOD_BODY, expires="1999-01-01T00:00:00+00:00"),
    "odd limits": message(GOOD_BODY, timelimit="x", retries="x", ignore_result=7),
    "odd priority": message(GOOD_BODY, properties={"priority": "x"}),
    "wants an answer": message(GOOD_BODY, properties={"reply_to": "spam"}),
    "unknown body encoding": message(GOOD_BODY, properties={"body_encoding": "x"}),
    "no properties": {**message(GOOD_BODY), "properties": None},
    "not base64": {**message(GOOD_BODY), "body": "%"},
    "no body": {**message(GOOD_BODY), "body": None},
    **{f"no message, {raw!r}": raw for raw in ({}, [], "x", None, 7)},
}
NOT_JSON = {"no JSON": b"\x00 not a message", "deep": b"[" * 100_000, "empty": b""}
ODD_MESSAGES = {name: json.dumps(odd) for name, odd in ODD_MESSAGES.items()} | NOT_JSON


def is_from_a_notifier(raw):
    try:
        args, _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))
        return args[0].startswith("job_0")
    except (ValueError, TypeError, LookupError, RecursionError, AttributeError):
        return False


def test_no_message_ends_a_worker_or_comes_back(farm, redis_server):
    """Nobody can send it commands either, not even whoever can write to Redis.

    `{"queue": 5}` made workers deaf.
    """
    worker = farm.start_worker(module="worker.app")
    with redis.Redis.from_url(redis_server.url) as client:
        for odd in ODD_MESSAGES.values():
            client.lpush(QUEUE, odd)
        wait_until(lambda: all(map(is_from_a_notifier, client.lrange(QUEUE, 0, -1))))
        job = farm.wait_end(farm.submit(**SHORT))
        assert (job.state, worker.poll()) == (JobState.SUCCEEDED, None)
        command = {"method": "add_consumer", "arguments": {"queue": 5}}
        body = json.dumps(message(command))
        assert client.publish("impasto:/0.celery.pidbox", body) == 0  # nobody hears it
        assert not [key for key in client.scan_iter() if b"pidbox" in key]
        assert [entry.state for entry in list_workers(farm.db)] == ["alive"]
        worker.terminate()
        assert worker.wait(PATIENCE_SECONDS) == 0
        assert all(map(is_from_a_notifier, client.lrange(QUEUE, 0, -1)))
        assert not [
            key for key in client.scan_iter() if b"spam" in key or b"acked" in key
        ]


def test_a_worker_has_one_task(tmp_path):
    def run_due_jobs():
        pass

    celery = create_receiver(Settings(home=tmp_path), "cpu", run_due_jobs)

    assert set(celery.tasks) == {TASK_NAME}
