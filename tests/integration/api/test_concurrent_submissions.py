"""Equal submits at once, over several real server processes: one job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from shared.auth.api_keys import NewKey, get_owner, issue_key
from shared.queries.listing import query_jobs
from tests.support.farm import picture
from tests.support.processes import PATIENCE_SECONDS

SERVERS, SUBMITS = 2, 10


@pytest.fixture
def database_url(postgresql_url):
    """Several servers have PostgreSQL; a test of idempotency has both databases."""
    return postgresql_url


@pytest.fixture
def servers(serve):
    """Several servers over one database and one storage, with room for each upload."""
    return [
        serve(auth="keys", submits_per_minute=0, api_threads=8 * SUBMITS)
        for _ in range(SERVERS)
    ]


def multipart(url, headers):
    files = [("content", ("a.png", picture(1))), ("style", ("b.png", picture(2)))]
    return httpx2.post(
        f"{url}/v1/jobs", files=files, headers=headers, timeout=PATIENCE_SECONDS
    )


def plain_json(url, headers):
    body = {"layers": ["relu1_1"], "units": [0]}
    return httpx2.post(
        f"{url}/v1/explorations", json=body, headers=headers, timeout=PATIENCE_SECONDS
    )


def test_parallel_submits_with_one_key_make_one_job(servers, live_db):
    urls = [server.url for server in servers]
    for send in (multipart, plain_json):
        one_job_is_made(urls, live_db, send)


def one_job_is_made(urls, live_db, send):
    token = issue_key(live_db, NewKey("test"))[1]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "the-one"}

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
    assert [job.id for job in query_jobs(live_db, owner_id, 10)] == [
        made[0].json()["id"]
    ]
    assert get_owner(live_db, owner_id).queued == 1
