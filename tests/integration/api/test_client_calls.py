"""Both clients and a real server: keys, assets, events, previews, actions.

Each client has one of the databases: a call that fails on either fails here.
"""

from __future__ import annotations

import io
import threading
from functools import partial

import pytest
from PIL import Image

from impasto import StyleImage
from impasto.errors import ApiError, NotFound, Unauthenticated
from shared.auth.api_keys import NewKey, Scope, issue_key
from tests.support.both_clients import connecting
from tests.support.job_rows import submit
from tests.support.simulated_worker import beat, checkpoint, claim, complete, frame

pytestmark = pytest.mark.parametrize(
    ("tenant", "connect"),
    [("sqlite", "blocking"), ("postgresql", "asyncio")],
    indirect=True,
)


@pytest.fixture
def connect(request):
    return partial(connecting, request.param)


@pytest.fixture
def client(connect, tenant):
    with connect(tenant.server.url, tenant.token) as client:
        yield client


def picture(color):
    file = io.BytesIO()
    Image.new("RGB", (96, 64), color).save(file, "PNG")
    return file.getvalue()


def test_a_job_is_submitted_found_changed_and_deleted(client):
    job = client.jobs.submit(
        picture("red"),
        [StyleImage(picture("blue"), weight=3), picture("green")],
        params={"max_edge": 64, "quality": "draft"},
        name="Lisbon",
        tags=["sea"],
        metadata={"order": "42"},
        options={"priority": "low", "start_deadline": 3600},
    )
    changed = client.jobs.change(job.id, {"tags": ["harbor"], "name": None})

    assert (job.tags, job.metadata, job.priority) == (["sea"], {"order": "42"}, "low")
    assert [style["weight"] for style in job.params["styles"]] == [3, 1]
    assert job.start_deadline is not None
    assert (changed.tags, changed.name) == (["harbor"], None)
    assert [found.id for found in client.jobs.iterate(tag=["harbor"])] == [job.id]
    assert list(client.jobs.iterate(tag=["sea"])) == []
    created_after = job.created_at.isoformat()
    assert client.jobs.list(created_after=created_after, kind="explore").data == []
    assert client.jobs.delete(job.id, cancel=True)
    with pytest.raises(ApiError, match="was deleted"):
        client.jobs.get(job.id)


def test_the_events_of_a_job_are_read_to_its_end(client, tenant):
    db, job_id = tenant.db, submit(tenant.db, tenant.owner_id)
    events, kinds = client.jobs.events(job_id), []

    for event in events:
        kinds.append(event.kind)
        if len(kinds) == 1:
            claimed = claim(db)
            beat(db, claimed, 10)
            threading.Timer(0.2, partial(complete, db, claimed)).start()

    assert (kinds[0], kinds[-1]) == ("snapshot", "end")
    assert {"log", "state", "output"} <= set(kinds)
    assert client.jobs.get(job_id).state == "succeeded"
    replayed = [event.kind for event in client.jobs.events(job_id, after=0)]
    assert replayed[-1] == "end"


def test_a_checkpoint_is_promoted_to_a_job(client, tenant):
    db, job_id = tenant.db, submit(tenant.db, tenant.owner_id)
    claimed = claim(db)
    frame(db, claimed, 5)
    checkpoint(db, claimed, 5)

    assert [found["iteration"] for found in client.jobs.frames(job_id)] == [5]
    complete(db, claimed)
    promoted = client.jobs.promote(job_id, 5)

    assert promoted.parent.job_id == job_id
    assert promoted.id in [each["id"] for each in client.jobs.tree(job_id)["data"]]


def test_assets_are_uploaded_once_listed_saved_and_deleted(client, tmp_path):
    asset = client.assets.upload(picture("red"))
    again = client.assets.upload(io.BytesIO(picture("red")))
    other = client.assets.upload(picture("blue"))

    assert again.id == asset.id
    assert client.assets.get(asset.id) == client.assets.find(asset.sha256)
    assert {each.id for each in client.assets.iterate()} >= {asset.id, other.id}
    assert len(client.assets.list(limit=1).data) == 1
    path = client.assets.download(asset.id, tmp_path / "saved.png")
    assert path.read_bytes() == picture("red")
    client.assets.delete(other.id)
    with pytest.raises(NotFound):
        client.assets.get(other.id)


def test_a_key_is_made_used_and_revoked(connect, tenant):
    _, admin = issue_key(tenant.db, NewKey(scopes=frozenset(Scope)))
    with connect(tenant.server.url, admin) as client:
        key = client.keys.create("guest", scopes=["read"], expires_in=3600)
        with connect(tenant.server.url, key.secret) as guest:
            assert guest.me()["scopes"] == ["read"]

        assert key.secret not in repr(key)
        assert client.keys.get(key.id).name == "guest"
        assert key.id in {each.id for each in client.keys.iterate()}
        client.keys.revoke(key.id)
        assert key.id not in {each.id for each in client.keys.list().data}
    with (
        connect(tenant.server.url, key.secret) as guest,
        pytest.raises(Unauthenticated),
    ):
        guest.me()
