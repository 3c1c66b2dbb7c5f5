"""Uploads that are too large are cut off while they arrive."""

from __future__ import annotations

import json
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest


class Endless:
    """A body that goes on for ever; counts what is read."""

    def __init__(self, head):
        self.head, self.read_bytes = head, 0

    def read(self, size=-1):
        data, self.head = (
            (self.head[:size], self.head[size:]) if self.head else (bytes(size), b"")
        )
        self.read_bytes += len(data)
        return data


PART = b'--x\r\nContent-Disposition: form-data; name="content"%s\r\n\r\n'
AS_FILE, AS_TEXT = PART % b'; filename="a"', PART % b""


def stream(client, head, **environ):
    body = Endless(head)
    response = client.post(
        "/v1/jobs",
        environ_overrides={
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": str(16 * 2**20),
            # Told here, as the client would put a boundary of its own.
            "CONTENT_TYPE": "multipart/form-data; boundary=x",
            **environ,
        },
    )
    return response, body


def test_two_hundred_megabytes_are_refused_by_their_announced_length_unread(client):
    response, body = stream(client, AS_FILE, CONTENT_LENGTH="200000000")

    assert response.status_code == 413
    assert response.json["code"] == "upload-too-large"
    assert body.read_bytes == 0


@pytest.mark.parametrize("head", [AS_FILE, AS_TEXT, b"no boundary at all"])
def test_a_body_is_cut_off_at_the_limits_of_its_parts(make_api, head):
    api = make_api(max_upload_bytes=4 * 2**20)
    tracemalloc.start()

    response, body = stream(api.client, head)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert response.status_code == 413
    assert response.json["code"] == "upload-too-large"
    assert body.read_bytes < 8 * 2**20
    assert peak < 8 * 2**20


def test_one_file_above_the_limit_is_413(make_api, a_picture):
    api = make_api(max_upload_bytes=1000)

    response = api.submit([("content", bytes(1001)), ("style", a_picture())])

    assert response.status_code == 413
    assert "1,000 bytes" in response.json["detail"]


def test_a_form_of_thousands_of_parts_is_413(api):
    response = api.submit([("style", b"x")] * 1000)

    assert response.status_code == 413


def test_a_parameter_text_of_megabytes_is_413(api):
    response = api.submit(params=json.dumps({"name": "x" * 300_000}))

    assert response.status_code == 413
    assert "262,144 bytes" in response.json["detail"]


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_folder_for_temporary_files_is_503(client, monkeypatch):
    full = Path("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("r+b"))

    body = AS_FILE + bytes(3 * 2**20) + b"\r\n--x--\r\n"

    response = client.post(
        "/v1/jobs", data=body, content_type="multipart/form-data; boundary=x"
    )

    assert (response.status_code, response.json["code"]) == (503, "storage-full")
    assert response.headers["Retry-After"]


def test_a_place_for_uploads_is_free_again_after_any_answer(make_api, a_picture):
    api = make_api(api_threads=2)  # one upload at once

    answers = [api.submit([("style", a_picture())]).status_code for _ in range(3)]

    assert answers == [422] * 3


def test_a_json_body_above_its_limit_is_413_and_told_the_limit(client):
    limit = client.get("/v1/capabilities").json["limits"]["max_json_bytes"]
    text = json.dumps({"name": "x" * limit})

    response = client.post("/v1/jobs", data=text, content_type="application/json")

    assert response.status_code == 413
    assert response.json["code"] == "upload-too-large"
    assert response.json["detail"] == f"a JSON body may have {limit:,} bytes"
