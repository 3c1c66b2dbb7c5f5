"""What requests hold in memory: pieces, however many of them wait or are sent."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import tracemalloc
from contextlib import ExitStack

import pytest
from flask.testing import FlaskClient
from PIL import Image

from shared.assets import query_assets
from shared.jobs.submit import LOCAL_OWNER_ID
from tests.support.processes import PATIENCE_SECONDS

MIB = 2**20
MANY = 3
FORM = "multipart/form-data; boundary=x"


@pytest.fixture
def heavy():
    """A picture of 4 MiB."""
    buffer = io.BytesIO()
    pixels = os.urandom(1180 * 1180 * 3)
    Image.frombytes("RGB", (1180, 1180), pixels).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


@pytest.fixture
def traced():
    tracemalloc.start()
    yield tracemalloc
    tracemalloc.stop()


def form(data):
    head = b'Content-Disposition: form-data; name="file"; filename="a"'
    return b"--x\r\n" + head + b"\r\n\r\n" + data + b"\r\n--x--\r\n"


def plain(api):
    """A client that reads an answer only when it is asked to."""
    return FlaskClient(api.app, api.app.response_class)


def test_uploads_that_wait_for_a_decoder_have_nothing_in_memory(api, heavy, traced):
    (api.settings.home / "body").write_bytes(form(heavy))
    arrived = threading.Semaphore(0)

    class Arriving(io.FileIO):
        def read(self, size):
            self.left -= size
            if not self.left:
                arrived.release()
            return super().read(size)

    def send():
        with Arriving(api.settings.home / "body") as body:
            size = body.left = os.fstat(body.fileno()).st_size
            api.app.test_client().post(
                "/v1/assets", input_stream=body, content_length=size,
                content_type=FORM,
            )  # fmt: skip

    with ExitStack() as stack:
        for _ in range(api.settings.max_decodes):
            stack.enter_context(api.dependencies.decoder_slots.hold(LOCAL_OWNER_ID))
        before = traced.get_traced_memory()[0]
        threads = [threading.Thread(target=send) for _ in range(MANY)]
        for thread in threads:
            thread.start()
        for _ in range(MANY):
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        threads[0].join(1)  # until they wait
        held = traced.get_traced_memory()[0] - before
        traced.stop()  # it makes what follows slow
    for thread in threads:
        thread.join()

    assert held < MANY * MIB, f"{MANY} uploads of 4 MiB hold {held / MIB:.1f} MiB"
    assert len(api.client.get("/v1/assets").json["data"]) == 1


def test_a_picture_is_sent_piece_by_piece(api, heavy, traced):
    job_id = api.submitted()
    digest = api.finish(api.claimed(), heavy)
    raw = plain(api)
    traced.reset_peak()
    before = traced.get_traced_memory()[0]

    sent, seen = hashlib.sha256(), 0
    with raw.get(f"/v1/jobs/{job_id}/result") as response:
        for piece in response.iter_encoded():
            sent.update(piece)
            seen += len(piece)

    assert seen == int(response.headers["Content-Length"]) == len(heavy)
    assert sent.hexdigest() == digest
    assert traced.get_traced_memory()[1] - before < MIB


@pytest.mark.parametrize("part", ["bytes=0-0", "bytes=-1"])
def test_one_byte_of_a_picture_costs_no_more_than_pieces(api, heavy, traced, part):
    job_id = api.submitted()
    api.finish(api.claimed(), heavy)
    traced.reset_peak()
    before = traced.get_traced_memory()[0]

    response = api.client.get(f"/v1/jobs/{job_id}/result", headers={"Range": part})

    assert (response.status_code, len(response.data)) == (206, 1)
    assert traced.get_traced_memory()[1] - before < MIB


def test_a_picture_that_is_deleted_while_it_is_sent_arrives_whole(api, heavy):
    asset = api.client.post("/v1/assets", data=form(heavy), content_type=FORM).json
    url = asset["urls"]["self"]
    content = plain(api).get(f"{url}/content")

    assert api.client.delete(url).status_code == 204

    with content:
        assert content.data == heavy
    assert query_assets(api.db, LOCAL_OWNER_ID, 1) == []
