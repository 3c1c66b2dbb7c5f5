"""What a web page of another origin gets from a real server: answers, streams, gzip."""

from __future__ import annotations

import gzip

import pytest

from shared.auth.api_keys import NewKey, issue_key
from shared.db.database import Database
from tests.support.api_process import running_api, until

ORIGIN = "https://app.example"


@pytest.fixture
def page(tmp_path, sqlite_url):
    """A server that lets pages of ORIGIN in, asked as by such a page with a key."""
    database = Database(sqlite_url)
    _, token = issue_key(database, NewKey())
    database.close()
    settings = {"auth": "keys", "origins": ORIGIN, "stream_heartbeat_seconds": 0.5}
    with running_api(tmp_path, sqlite_url, **settings) as server:
        named = server.with_headers(
            Authorization=f"Bearer {token}", Origin=ORIGIN, Accept="*/*"
        )
        yield named
        named.client.close()


def test_a_page_of_a_named_origin_submits_polls_and_listens(page):
    wanted = {"Access-Control-Request-Method": "POST", "Authorization": ""}
    allowed = page.client.options("/v1/explorations", headers=wanted)
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]

    made = page.client.post("/v1/explorations", json={"name": "from a page"})
    assert made.status_code == 202
    assert made.headers["Access-Control-Allow-Origin"] == ORIGIN
    accept = {"Accept": "text/event-stream"}
    url = made.json()["urls"]["events"]
    with page.client.stream("GET", url, headers=accept) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Content-Encoding" not in stream.headers
        first = next(stream.iter_text())
    assert "event: snapshot" in first
    with page.stream(url) as stream:
        assert until(stream, "snapshot")[-1][2]["id"] == made.json()["id"]
    other = page.get("/v1/me", Origin="https://other.example")
    assert other.status_code == 200  # the key is valid; the browser hides the answer
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_list_crosses_the_wire_compressed_and_whole(page):
    for number in range(8):
        page.client.post("/v1/explorations", json={"name": f"job {number}"})

    request = page.client.build_request("GET", "/v1/jobs?limit=8")
    request.headers["Accept-Encoding"] = "gzip"
    answer = page.client.send(request, stream=True)
    raw = b"".join(answer.iter_raw())
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(raw) == int(answer.headers["Content-Length"])
    plain = page.get("/v1/jobs?limit=8", Accept_Encoding="identity")
    assert len(raw) < len(plain.content) / 5
    assert gzip.decompress(raw).startswith(b'{"data":[{"id":"job_')
