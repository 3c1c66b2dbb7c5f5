"""Name, tags and metadata change in any state; the list and the ETag follow."""

from __future__ import annotations

import pytest

from shared.jobs.deletion import cancel_and_purge_job
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.metrics import RUN_SECONDS

LABELS = {"name": "Porto", "tags": ["b"], "metadata": {"order": "42"}}


def queued(api):
    return api.submit(name="Lisbon", tags='["a"]').json["id"]


def running(api):
    job_id = queued(api)
    api.claimed()
    return job_id


def succeeded(api):
    job_id = queued(api)
    api.finish(api.claimed())
    return job_id


def exploration(api):
    return api.client.post("/v1/explorations").json["id"]


def found(api, query):
    return [job["id"] for job in api.client.get(f"/v1/jobs?{query}").json["data"]]


@pytest.mark.parametrize("make", [queued, running, succeeded, exploration])
def test_labels_change_in_any_state_and_the_list_follows(api, make):
    job_id = make(api)
    before = api.client.get(f"/v1/jobs/{job_id}")

    changed = api.client.patch(f"/v1/jobs/{job_id}", json=LABELS)
    assert changed.status_code == 200
    after = api.client.get(
        f"/v1/jobs/{job_id}", headers={"If-None-Match": before.headers["ETag"]}
    )

    assert after.status_code == 200  # it is another version
    assert {name: after.json[name] for name in LABELS} == LABELS
    assert after.json["revision"] == before.json["revision"] + 1
    same = ("state", "finished_at", "params", "params_digest", "allowed_actions")
    assert [after.json[name] for name in same] == [before.json[name] for name in same]
    assert found(api, "q=porto") == found(api, "tag=b") == [job_id]
    assert found(api, "q=lisbon") == found(api, "tag=a") == []


def test_a_finished_job_keeps_its_picture_and_is_not_counted_again(api):
    job_id = succeeded(api)
    picture = api.client.get(f"/v1/jobs/{job_id}/result")
    runs = RUN_SECONDS.collect()[0].samples

    api.client.patch(f"/v1/jobs/{job_id}", json=LABELS)

    again = api.client.get(f"/v1/jobs/{job_id}/result")
    assert (again.data, again.headers["ETag"]) == (
        picture.data,
        picture.headers["ETag"],
    )
    assert [s.value for s in RUN_SECONDS.collect()[0].samples[:-1]] == [
        s.value for s in runs[:-1]
    ]


def test_the_same_labels_again_are_no_change(api):
    job_id = succeeded(api)
    first = api.client.patch(f"/v1/jobs/{job_id}", json=LABELS).json

    assert api.client.patch(f"/v1/jobs/{job_id}", json=LABELS).json == first


def test_labels_change_only_at_the_revision_that_was_asked_for(api):
    job_id = succeeded(api)

    stale = api.client.patch(
        f"/v1/jobs/{job_id}", json=LABELS, headers={"If-Match": '"1"'}
    )
    assert stale.json["code"] == "version-mismatch"
    assert found(api, "q=porto") == []


@pytest.mark.parametrize("other", [{"priority": "high"}, {"style_weight": 3}])
def test_nothing_else_of_a_finished_job_changes(api, other):
    job_id = succeeded(api)

    refused = api.client.patch(
        f"/v1/jobs/{job_id}", json={**LABELS, **other}, headers={"If-Match": "*"}
    )
    assert refused.json["code"] == "invalid-state"
    assert "name, tags and metadata" in refused.json["hint"]
    assert found(api, "q=porto") == []


def test_a_job_that_is_being_deleted_gets_no_new_name(api):
    job_id = running(api)
    cancel_and_purge_job(api.db, LOCAL_OWNER_ID, job_id)

    refused = api.client.patch(f"/v1/jobs/{job_id}", json=LABELS)
    assert (refused.status_code, refused.json["code"]) == (409, "invalid-state")
