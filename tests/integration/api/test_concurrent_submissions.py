"""Twenty equal submits at once, over several real server processes: one job."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from shared.auth.api_keys import NewKey, get_owner, issue_key
from shared.db.database import Database
from shared.queries.listing import query_jobs
from tests.support.farm import ROOT, picture

SERVERS, SUBMITS = 3, 20
PATIENCE_SECONDS = 60


@contextmanager
def serving(home, database_url, log):
    """A real API process on a port of its own; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {
        "HOME": home,
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "AUTH": "keys",
        "SUBMITS_PER_MINUTE": 0,
        "PORT": port,
    }
    environment = os.environ | {f"IMPASTO_{name}": str(told[name]) for name in told}
    command = [sys.executable, "-m", "api.serve"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def wait_alive(url, log):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if httpx2.get(f"{url}/livez").is_success:
                return
        except httpx2.TransportError:
            assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.fixture
def farm(tmp_path, database_url):
    """URLs of several servers over one database, and a key."""
    database = Database(database_url)
    _, token = issue_key(database, NewKey("test"))
    with ExitStack() as running:
        logs = [tmp_path / f"{number}.log" for number in range(SERVERS)]
        urls = [
            running.enter_context(serving(tmp_path, database_url, log)) for log in logs
        ]
        for url, log in zip(urls, logs, strict=True):
            wait_alive(url, log)
        yield urls, {"Authorization": f"Bearer {token}"}, database
    database.close()


def multipart(url, headers):
    files = [("content", ("a.png", picture(1))), ("style", ("b.png", picture(2)))]
    return httpx2.post(f"{url}/v1/jobs", files=files, headers=headers, timeout=60)


def plain_json(url, headers):
    body = {"layers": ["relu1_1"], "units": [0]}
    return httpx2.post(f"{url}/v1/explorations", json=body, headers=headers, timeout=60)


@pytest.mark.parametrize("send", [multipart, plain_json])
def test_parallel_submits_with_one_key_make_one_job(farm, send):
    urls, headers, database = farm
    headers = headers | {"Idempotency-Key": "the-one"}

    with ThreadPoolExecutor(SUBMITS) as pool:
        places = [urls[number % SERVERS] for number in range(SUBMITS)]
        answers = list(pool.map(lambda url: send(url, headers), places))

    codes = {answer.status_code for answer in answers}
    assert codes <= {202, 409}, [answer.text for answer in answers]
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency-in-progress"
            assert answer.headers["Retry-After"]
    later = [send(url, headers) for url in urls]
    made = [answer for answer in (*answers, *later) if answer.status_code == 202]
    assert [answer.status_code for answer in later] == [202] * SERVERS
    assert len({answer.text for answer in made}) == 1
    owner_id = made[0].json()["owner"]
    assert [job.id for job in query_jobs(database, owner_id, 10)] == [
        made[0].json()["id"]
    ]
    assert get_owner(database, owner_id).queued == 1
