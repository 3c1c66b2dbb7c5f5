"""Who may decode pictures now: one picture per owner, few in all."""

from __future__ import annotations

import gc
import io
import threading

import pytest

from api.http import slots
from api.http.slots import DecoderSlots, _DecodingOwner
from shared.errors import ServerBusy
from shared.settings import Settings
from tests.unit.api.conftest import picture


def made(tmp_path, auth="keys", **about):
    return DecoderSlots(Settings(home=tmp_path, auth=auth, **about))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(slots, "_DECODER_TIMEOUT_SECONDS", 0.05)


def take(decoders, owner):
    with decoders.hold(owner):
        pass


@pytest.mark.usefixtures("impatient")
def test_an_owner_decodes_one_at_a_time_and_another_passes(tmp_path):
    decoders = made(tmp_path, max_decodes=3)

    with decoders.hold("ann"):
        take(decoders, "ben")
        with pytest.raises(ServerBusy):
            take(decoders, "ann")
    take(decoders, "ann")


@pytest.mark.usefixtures("impatient")
def test_all_owners_together_have_max_decodes(tmp_path):
    decoders = made(tmp_path, max_decodes=2)

    with decoders.hold("ann"), decoders.hold("ben"), pytest.raises(ServerBusy):
        take(decoders, "eve")
    take(decoders, "eve")


@pytest.mark.usefixtures("impatient")
def test_without_keys_the_only_owner_has_all(tmp_path):
    decoders = made(tmp_path, auth="none", max_decodes=2)

    with (
        decoders.hold("own_local"),
        decoders.hold("own_local"),
        pytest.raises(ServerBusy),
    ):
        take(decoders, "own_local")


def test_the_second_of_an_owner_waits_until_the_first_is_done(tmp_path):
    decoders, done = made(tmp_path), threading.Event()

    def second():
        take(decoders, "ann")
        done.set()

    thread = threading.Thread(target=second)
    with decoders.hold("ann"):
        thread.start()
        assert not done.wait(0.2)
    assert done.wait(10)
    thread.join()


def test_an_owner_who_waits_with_many_requests_is_refused_at_once(tmp_path):
    """Each holds a thread: of 64, an owner's decodes may hold eight."""
    decoders = made(tmp_path, api_threads=64)
    waiting = [threading.Thread(target=take, args=(decoders, "ann")) for _ in range(7)]
    with decoders.hold("ann"):
        for thread in waiting:
            thread.start()
        threading.Event().wait(0.5)  # until all of them wait
        with pytest.raises(ServerBusy):
            take(decoders, "ann")
        take(decoders, "ben")
    for thread in waiting:
        thread.join()


def test_owners_who_decode_nothing_are_forgotten(tmp_path):
    decoders = made(tmp_path)
    for number in range(100):
        take(decoders, f"own_{number}")
    gc.collect()

    assert not [one for one in gc.get_objects() if type(one) is _DecodingOwner]


def requests_that_decode(api, owner_id):
    """Each kind of request of an owner for which the server decodes a picture."""
    client, headers = api.client, api.bearer(owner_id=owner_id)

    def upload(color):
        form = {"file": (io.BytesIO(picture(color)), "a.png")}
        return client.post("/v1/assets", data=form, headers=headers)

    def estimate(more, **of_style):
        body = {"content": one, "styles": [{"image": one, **of_style}], **more}
        return client.post("/v1/estimates", json=body, headers=headers)

    one = {"asset_id": upload("white").json["id"]}
    body = {"content": one, "styles": [{"image": one}]}
    job = client.post("/v1/jobs", json=body, headers=headers).json["urls"]["self"]
    api.finish(api.claimed(owner_id), picture())
    labels = {"content_labels": one, "style_loss": "neighbors"}
    return {
        "upload": lambda: upload("red"),
        "mask": lambda: estimate({}, mask=one),
        "label map": lambda: estimate(labels, labels=one),
        "result": lambda: client.get(f"{job}/result?format=jpeg", headers=headers),
    }


@pytest.mark.usefixtures("impatient")
def test_a_request_is_refused_while_its_owner_decodes_and_those_of_others_pass(keyed):
    mine, theirs = (requests_that_decode(keyed, owner) for owner in ("ann", "ben"))

    with keyed.dependencies.decoder_slots.hold("ann"):
        refused = {name: send().status_code for name, send in mine.items()}
        served = {name: send().status_code for name, send in theirs.items()}

    assert refused == dict.fromkeys(mine, 503)
    assert served == {"upload": 201, "mask": 200, "label map": 200, "result": 200}
