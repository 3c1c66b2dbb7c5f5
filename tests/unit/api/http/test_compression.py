"""Text of more than a kilobyte is compressed for those who accept it."""

from __future__ import annotations

import gzip
import json

import pytest

from shared.jobs.submit import LOCAL_OWNER_ID
from tests.support.job_rows import submit

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
STATIC = "/docs/swagger-ui/js/swagger-ui-bundle.js"


@pytest.fixture
def many_jobs(api):
    for number in range(40):
        submit(api.db, LOCAL_OWNER_ID, name=f"job {number}")


def unpacked(response):
    assert response.headers["Content-Encoding"] == "gzip"
    assert int(response.headers["Content-Length"]) == len(response.data)
    return gzip.decompress(response.data)


def vary(response):
    return response.headers.getlist("Vary")


def test_a_list_is_compressed_to_a_tenth(api, many_jobs):
    plain = api.client.get("/v1/jobs?limit=40")
    packed = api.client.get("/v1/jobs?limit=40", headers=GZIP)

    assert json.loads(unpacked(packed)) == plain.json
    assert len(packed.data) < len(plain.data) / 10
    assert "Content-Encoding" not in plain.headers
    assert vary(plain) == vary(packed) == ["Accept-Encoding"]


@pytest.mark.parametrize(
    "path", ["/", "/problems/", "/openapi.json", "/static/base.css", STATIC,
             "/metrics"],
)  # fmt: skip
def test_pages_scripts_and_styles_are_compressed(api, path):
    plain = api.client.get(path)
    packed = api.client.get(path, headers=GZIP)

    assert len(plain.data) > 1024
    assert len(packed.data) < len(plain.data)
    if path != "/metrics":  # it counts the first request
        assert unpacked(packed) == plain.data
    assert "Accept-Encoding" in vary(plain)


def test_who_accepts_gzip_gets_it_and_nobody_else(api):
    def asked(coding):
        return api.client.get("/static/base.css", headers={"Accept-Encoding": coding})

    for coding in (
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0, *;q=1",
        "deflate, zstd",
    ):
        assert "Content-Encoding" not in asked(coding).headers, coding
    for coding in ("gzip", "GZIP", "*", "br;q=1, gzip;q=0.1"):
        assert unpacked(asked(coding)), coding


def test_small_answers_stay_as_they_are(api):
    for path in ("/livez", "/v1/me", "/v1/assets"):
        response = api.client.get(path, headers=GZIP)

        assert len(response.data) < 1024
        assert "Content-Encoding" not in response.headers
        assert "Vary" not in response.headers


def test_pictures_stay_as_they_are_and_have_parts(api):
    job_id = api.submitted()
    api.finish(api.claimed(), data=b"\x89PNG" + bytes(5000))
    url = f"/v1/jobs/{job_id}/result"

    whole = api.client.get(url, headers=GZIP)
    assert "Content-Encoding" not in whole.headers
    assert whole.headers["ETag"].startswith('"')
    part = api.client.get(url, headers={**GZIP, "Range": "bytes=0-2999"})
    assert (part.status_code, len(part.data)) == (206, 3000)


@pytest.mark.parametrize("path", ["/static/base.css", STATIC, "/v1/capabilities"])
def test_a_compressed_answer_that_the_client_has_is_304(api, path):
    packed = api.client.get(path, headers=GZIP)
    unpacked(packed)
    etag = packed.headers["ETag"]
    assert etag.startswith('W/"')
    assert "Accept-Ranges" not in packed.headers

    known = api.client.get(path, headers={**GZIP, "If-None-Match": etag})
    assert (known.status_code, known.data) == (304, b"")
    assert known.headers["ETag"] == etag
    assert vary(known) == vary(packed)
    plain = api.client.get(path)
    known = api.client.get(path, headers={"If-None-Match": plain.headers["ETag"]})
    assert (known.status_code, known.headers["ETag"]) == (304, plain.headers["ETag"])


def test_a_part_of_a_file_is_not_compressed(api):
    headers = {**GZIP, "Range": "bytes=0-1999"}
    part = api.client.get("/static/base.css", headers=headers)

    assert (part.status_code, len(part.data)) == (206, 2000)
    assert "Content-Encoding" not in part.headers


def test_a_static_file_is_compressed_once(api, monkeypatch):
    api.client.get(STATIC, headers=GZIP)
    monkeypatch.setattr(gzip, "compress", None)

    assert api.client.get(STATIC, headers=GZIP).headers["Content-Encoding"] == "gzip"


def test_problems_and_tables_are_compressed_too(api):
    names = {f"wrong_{number}": 1 for number in range(40)}
    problem = api.client.post("/v1/jobs", json=names, headers=GZIP)

    assert problem.status_code == 422
    assert json.loads(unpacked(problem))["code"] == "validation"


def test_a_replayed_answer_is_the_first_one(api):
    headers = {"Idempotency-Key": "a", **GZIP}
    body = {"name": "x" * 100, "tags": ["y" * 60]}
    first = api.client.post("/v1/explorations", json=body, headers=headers)
    again = api.client.post("/v1/explorations", json=body, headers=headers)

    assert again.headers["Idempotency-Replayed"] == "true"
    assert unpacked(again) == unpacked(first)
    plain = api.client.post(
        "/v1/explorations", json=body, headers={"Idempotency-Key": "a"}
    )
    assert plain.data == unpacked(first)
