"""Compressed bodies of requests: refused with the reason, and with what to do."""

from __future__ import annotations

import gzip
import io
import json
import zlib

import pytest

FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("coding", "method", "path", "media_type"),
    [
        ("gzip", "POST", "/v1/jobs", "application/json"),
        ("GZIP", "POST", "/v1/jobs", FORM),
        ("deflate", "POST", "/v1/assets", FORM),
        ("br", "PATCH", "/v1/jobs/job_1", "application/merge-patch+json"),
        ("identity, gzip", "POST", "/v1/jobs/job_1/cancel", "application/json"),
    ],
)
def test_a_compressed_body_is_refused_with_the_reason(
    client, coding, method, path, media_type
):
    pack = {"deflate": zlib.compress}.get(coding, gzip.compress)
    plain = json.dumps({"name": "x"}).encode() if "json" in media_type else PART

    response = client.open(
        path,
        method=method,
        data=pack(plain),
        content_type=media_type,
        headers={"Content-Encoding": coding},
    )

    assert response.status_code == 415
    assert response.json["code"] == "unsupported-media-type"
    assert f"Content-Encoding {coding.lower()!r}" in response.json["detail"]
    assert "without Content-Encoding" in response.json["hint"]
    assert response.headers["Accept-Encoding"] == "identity"


def test_a_body_as_it_is_may_say_so(client, a_picture):
    headers = {"Content-Encoding": "identity"}
    file = {"file": (io.BytesIO(a_picture()), "a.png")}

    assert client.post("/v1/assets", data=file, headers=headers).status_code == 201


def test_the_key_is_asked_for_first_and_addresses_that_are_none_stay_so(client, keyed):
    headers = {"Content-Encoding": "gzip"}

    assert keyed.client.post("/v1/jobs", headers=headers).status_code == 401
    assert client.post("/v1/nothing", headers=headers).status_code == 404
    assert client.post("/v1/queue", headers=headers).status_code == 405
    assert client.get("/v1/jobs", headers=headers).status_code == 200


def test_every_operation_that_takes_a_body_may_answer_so(client):
    paths = client.get("/openapi.json").json["paths"]

    for path, operations in paths.items():
        for method in operations.keys() & {"post", "patch"}:
            assert "415" in operations[method]["responses"], (method, path)
