"""Thumbnails inside of preview events: only where asked for, and never large."""

from __future__ import annotations

import base64
import json
import threading

import pytest

from api.jobs.frames import MAX_THUMB_BYTES, embed_thumbnail
from api.watch.message import PREVIEW, Message
from shared.storage.local import LocalStorage

STREAM = {"Accept": "text/event-stream"}
PREVIEW_OF = {"iteration": 50, "url": "/a", "thumb_url": "/b", "width": 8, "height": 6}


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "blobs")


def written(storage, key):
    data = json.dumps({"job_id": "job_a", "preview": PREVIEW_OF})
    news = Message(PREVIEW, "job_a", "own_a", data, thumb_key=key)
    return json.loads(embed_thumbnail(storage, news))


def test_the_thumbnail_is_there_as_base64_and_all_else_stays(storage):
    storage.put("frames/a.jpg", b"\xff\xd8 small")

    told = written(storage, "frames/a.jpg")

    thumb = told["preview"].pop("thumb")
    assert thumb["media_type"] == "image/jpeg"
    assert base64.b64decode(thumb["base64"]) == b"\xff\xd8 small"
    assert told == {"job_id": "job_a", "preview": PREVIEW_OF}


def test_one_that_is_gone_or_too_large_is_left_out(storage):
    storage.put("frames/large.jpg", b"x" * (MAX_THUMB_BYTES + 1))
    storage.put("frames/just.jpg", b"x" * MAX_THUMB_BYTES)

    assert written(storage, "frames/just.jpg")["preview"]["thumb"] is not None
    for key in ("frames/large.jpg", "frames/none.jpg", None):
        assert written(storage, key)["preview"]["thumb"] is None


@pytest.mark.parametrize("query", ["", "?inline=thumb"])
def test_a_stream_has_them_only_if_it_was_asked_to(make_api, query):
    api = make_api(stream_seconds=1.5)
    job_id = api.submitted()
    claim = api.claimed()
    frame = threading.Timer(0.5, lambda: api.frame(claim, 50, b"the thumb"))
    frame.start()

    text = api.client.get(f"/v1/jobs/{job_id}/events{query}", headers=STREAM).text

    frame.join()
    (said,) = [
        json.loads(row.removeprefix("data: "))["preview"]
        for row in text.splitlines()
        if '"preview":{"iteration"' in row and "object" not in row
    ]
    assert said["thumb_url"] == f"/v1/jobs/{job_id}/frames/50/thumb"
    assert ("thumb" in said) is bool(query)
    if query:
        assert base64.b64decode(said["thumb"]["base64"]) == b"the thumb"


def test_nothing_else_can_be_had_inline(client):
    for path in ("/v1/events?inline=frame", "/v1/events?inline="):
        assert client.get(path, headers=STREAM).status_code == 422
