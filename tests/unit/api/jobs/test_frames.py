"""The previews of a job: listed, looked at, made pictures of their own."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.lease import WrittenBlob


@pytest.fixture
def shown(api, a_picture):
    """A running job with previews of three iterations; (id, claim)."""
    job_id = api.submitted()
    claim = api.claimed()
    for iteration in (10, 20, 30):
        api.frame(claim, iteration, a_picture(kind="JPEG", color=(iteration, 0, 0)))
    return job_id, claim


def checkpoint(api, claim, iteration):
    key = f"checkpoints/{claim.job_id}/{claim.fence}-{iteration}.safetensors"
    api.storage.put(key, b"state")
    record_checkpoint(api.db, claim, iteration, WrittenBlob(key, "ef" * 32, 5), 2)


def test_frames_are_listed_in_order_with_where_they_are(api, client, shown):
    job_id, claim = shown
    checkpoint(api, claim, 20)

    response = client.get(client.get(f"/v1/jobs/{job_id}").json["urls"]["frames"])

    frames = response.json["data"]
    assert [one["iteration"] for one in frames] == [10, 20, 30]
    assert [one["has_checkpoint"] for one in frames] == [False, True, False]
    for one in frames:
        for url in (one["url"], one["thumb_url"]):
            assert client.get(url).mimetype == "image/jpeg"
    known = {"If-None-Match": response.headers["ETag"]}
    assert client.get(f"/v1/jobs/{job_id}/frames", headers=known).status_code == 304


def test_a_frame_is_that_of_its_iteration(client, shown, a_picture):
    response = client.get(f"/v1/jobs/{shown[0]}/frames/20")

    assert response.data == a_picture(kind="JPEG", color=(20, 0, 0))
    known = {"If-None-Match": response.headers["ETag"]}
    again = client.get(f"/v1/jobs/{shown[0]}/frames/20", headers=known)
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("place", "status"), [("21", 404), ("99999999999999999999", 422), ("x", 422)]
)
def test_a_frame_that_is_not_there_is_told_so(client, shown, place, status):
    for ending in ("", "/thumb"):
        url = f"/v1/jobs/{shown[0]}/frames/{place}{ending}"
        assert client.get(url).status_code == status
    assert client.post(f"/v1/jobs/{shown[0]}/frames/{place}/promote").status_code == (
        status
    )


def test_a_preview_becomes_an_asset_once(client, shown, a_picture):
    url = f"/v1/jobs/{shown[0]}/frames/10/promote"

    first, second = client.post(url), client.post(url)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    content = client.get(first.json["urls"]["content"])
    assert content.data == a_picture(kind="JPEG", color=(10, 0, 0))


def test_zeros_before_an_iteration_make_no_other_request(client, shown):
    key = {"Idempotency-Key": "k"}
    url = f"/v1/jobs/{shown[0]}/frames/{{}}/promote"
    first = client.post(url.format("10"), headers=key)

    again = client.post(url.format("0" * 300 + "10"), headers=key)

    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.headers["Idempotency-Replayed"] == "true"
    other = client.post(url.format("20"), headers=key)
    assert "Idempotency-Replayed" not in other.headers


def test_a_checkpoint_is_rendered_in_full_size_by_a_job_that_does_nothing_else(
    api, client, shown
):
    job_id, claim = shown
    checkpoint(api, claim, 20)

    response = client.post(f"/v1/jobs/{job_id}/frames/20/promote")

    assert response.status_code == 202
    child = response.json
    assert child["parent"] == {
        "job_id": job_id, "iteration": 20, "relation": "fork"
    }  # fmt: skip
    assert child["finish_requested"]
    assert api.notifier.notified[-1] == child["id"]
    assert api.claimed("m").finish_requested


def test_a_crash_before_a_promotion_is_asked_to_finish_leaves_no_job_behind(
    api, client, shown
):
    job_id, claim = shown
    checkpoint(api, claim, 20)
    with api.db.write() as session:
        session.execute(
            text(
                "CREATE TRIGGER crash BEFORE INSERT ON job_events "
                "WHEN NEW.event = 'finish' BEGIN SELECT RAISE(ABORT, 'crash'); END"
            )
        )

    response = client.post(f"/v1/jobs/{job_id}/frames/20/promote")

    assert response.status_code >= 500
    assert [one["id"] for one in client.get("/v1/jobs").json["data"]] == [job_id]
