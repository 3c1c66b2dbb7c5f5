"""What a web page of another origin gets from a real server: answers, streams, gzip."""

from __future__ import annotations

import gzip

import pytest

from shared.auth.api_keys import NewKey, issue_key
from tests.integration.conftest import ORIGIN
from tests.support.api_process import until


@pytest.fixture
def foreign_page(shared_server):
    """A server that lets pages of ORIGIN in, asked as by such a page with a key."""
    server, database = shared_server
    _, token = issue_key(database, NewKey())
    named = server.with_headers(
        Authorization=f"Bearer {token}", Origin=ORIGIN, Accept="*/*"
    )
    yield named
    named.client.close()


def test_a_page_of_a_named_origin_submits_polls_and_listens(foreign_page):
    wanted = {"Access-Control-Request-Method": "POST", "Authorization": ""}
    allowed = foreign_page.client.options("/v1/explorations", headers=wanted)
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN

    made = foreign_page.client.post("/v1/explorations", json={"name": "from a page"})
    assert made.status_code == 202
    assert made.headers["Access-Control-Allow-Origin"] == ORIGIN
    accept = {"Accept": "text/event-stream"}
    url = made.json()["urls"]["events"]
    with foreign_page.client.stream("GET", url, headers=accept) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Content-Encoding" not in stream.headers
        first = next(stream.iter_text())
    assert "event: snapshot" in first
    with foreign_page.stream(url) as stream:
        assert until(stream, "snapshot")[-1][2]["id"] == made.json()["id"]


def test_a_document_crosses_the_wire_compressed_and_whole(foreign_page):
    request = foreign_page.client.build_request("GET", "/openapi.json")
    request.headers["Accept-Encoding"] = "gzip"
    answer = foreign_page.client.send(request, stream=True)
    raw = b"".join(answer.iter_raw())

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(raw) == int(answer.headers["Content-Length"])
    plain = foreign_page.get("/openapi.json", Accept_Encoding="identity")
    assert gzip.decompress(raw) == plain.content
