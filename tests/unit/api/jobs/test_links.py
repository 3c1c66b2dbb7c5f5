"""Addresses that lead on: each that is told answers, and what leads nowhere is null."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.lease import JobResult, WrittenBlob, complete_job
from shared.jobs.retention import drop_expired_results
from shared.jobs.submit import LOCAL_OWNER_ID

OWNER = LOCAL_OWNER_ID


def keep(api, claim, iteration):
    key = f"checkpoints/{claim.job_id}/{claim.fence}-{iteration}"
    api.storage.put(key, b"tensors")
    record_checkpoint(api.db, claim, iteration, WrittenBlob(key, "ef" * 32, 7), 1)


@pytest.fixture
def done(api, a_picture):
    """A job that has succeeded, with a checkpoint and a preview."""
    job = api.submit().json
    claim = api.claimed()
    keep(api, claim, 50)
    api.frame(claim, 40)
    api.finish(claim, a_picture())
    return job["id"]


def look(api, job_id):
    return api.client.get(f"/v1/jobs/{job_id}").json


def test_the_thumbnail_is_of_the_latest_preview_then_of_the_result(api, a_picture):
    job_id = api.submitted()
    assert look(api, job_id)["urls"]["thumbnail"] is None

    claim = api.claimed()
    api.frame(claim, 40)
    assert (
        look(api, job_id)["urls"]["thumbnail"] == f"/v1/jobs/{job_id}/frames/40/thumb"
    )

    api.finish(claim, a_picture("blue", (640, 480)))
    thumbnail = api.client.get(look(api, job_id)["urls"]["thumbnail"])
    with Image.open(BytesIO(thumbnail.data)) as image:
        assert (image.size, thumbnail.mimetype) == ((320, 240), "image/jpeg")
        assert image.getpixel((0, 0))[2] > 200, "blue, as the result"


def test_the_preview_of_the_last_iteration_is_the_thumbnail_of_the_result(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.frame(claim, 210)
    complete_job(
        api.db, claim, JobResult(WrittenBlob("results/a.png", "ab" * 32, 7), 64, 48,
                                 exact=True, iterations=210),
    )  # fmt: skip

    thumbnail = look(api, job_id)["urls"]["thumbnail"]

    assert thumbnail == f"/v1/jobs/{job_id}/frames/210/thumb"


def test_an_exploration_has_no_previews_to_lead_to(api):
    job = api.client.post("/v1/explorations").json

    assert job["urls"]["latest_frame"] is None
    assert job["urls"]["content"] is None


def test_pictures_that_went_have_no_address(api, clock, done):
    before = look(api, done)["urls"]
    assert before["latest_frame"]
    assert before["result"]
    clock.advance(86_400 * 40)
    drop_expired_results(api.db, 30)

    after = look(api, done)["urls"]
    assert (after["latest_frame"], after["result"]) == (None, None)


def test_a_deleted_picture_is_nowhere_to_be_found(api, done):
    before = look(api, done)
    etag = api.client.get(f"/v1/jobs/{done}").headers["ETag"]
    assert {"fork", "extend"} <= set(before["allowed_actions"])
    style = before["params"]["styles"][0]["image"]["asset_id"]
    content = before["params"]["content"]["asset_id"]

    assert api.client.delete(f"/v1/assets/{style}").status_code == 204
    seen = api.client.get(f"/v1/jobs/{done}", headers={"If-None-Match": etag})
    assert seen.status_code == 200  # it is news
    assert seen.json["urls"]["content"]
    assert seen.json["inputs_gone"] == 1
    assert [seen.json["urls"][verb] for verb in ("fork", "extend")] == [None, None]
    assert seen.json["allowed_actions"] == []
    assert [one["promote_url"] for one in seen.json["checkpoints"]] == [None]
    api.client.delete(f"/v1/assets/{content}")
    assert look(api, done)["urls"]["content"] is None
    again = {"If-None-Match": seen.headers["ETag"]}
    assert api.client.get(f"/v1/jobs/{done}", headers=again).status_code == 200


def test_the_entry_point_leads_to_all_collections_without_a_key(keyed):
    entry = keyed.client.get("/v1")

    assert entry.status_code == 200
    headers = keyed.bearer("read", "keys")
    for name, url in entry.json["urls"].items():
        status = keyed.client.get(url, headers=headers).status_code
        assert status == (405 if name in {"estimates", "explorations"} else 200), name
    again = {"If-None-Match": entry.headers["ETag"]}
    assert keyed.client.get("/v1", headers=again).status_code == 304


def test_a_key_is_where_it_says(keyed):
    admin = keyed.bearer("admin", owner_id="own_a")
    made = keyed.client.post("/v1/keys", json={"name": "n"}, headers=admin).json
    url, secret = made["urls"]["self"], made.pop("secret")

    assert keyed.client.get(url, headers=admin).json == made
    own = {"Authorization": f"Bearer {secret}"}  # itself, though it may list none
    assert keyed.client.get(url, headers=own).status_code == 200
    reader = keyed.bearer("read", owner_id="own_a")
    assert keyed.client.get(url, headers=reader).status_code == 403
    stranger = keyed.bearer("keys", owner_id="own_b")
    assert keyed.client.get(url, headers=stranger).status_code == 404
    assert keyed.client.get("/v1/keys/key_none", headers=admin).status_code == 404
