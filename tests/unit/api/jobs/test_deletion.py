"""Deleted jobs: all that they made goes, and they answer 410 from then on."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from shared.db.models.jobs import Job, JobEvent


@pytest.fixture
def over(api):
    """The id of a job that has succeeded, with previews."""
    job_id = api.submit(name="Lisbon", tags='["a"]').json["id"]
    claim = api.claimed()
    api.frame(claim, 50)
    api.finish(claim)
    return job_id


def test_a_deleted_job_answers_410_whatever_is_asked_of_it(client, over):
    job = client.get(f"/v1/jobs/{over}").json

    assert client.delete(f"/v1/jobs/{over}").status_code == 204

    for name, url in job["urls"].items():
        if name not in {"content", "cancel", "pause", "resume", "finish"} and url:
            ask = client.post if name in {"extend", "fork", "retry"} else client.get
            response = ask(url, json={"iterations": 5} if name == "extend" else None)
            assert (response.status_code, response.json["code"]) == (410, "purged"), url
    assert client.delete(f"/v1/jobs/{over}").status_code == 410
    assert client.post(f"/v1/jobs/{over}/cancel").status_code == 410
    assert client.patch(f"/v1/jobs/{over}", json={"name": "x"}).status_code == 410


def test_its_blobs_go_and_those_of_its_pictures_stay(api, client, over):
    client.delete(f"/v1/jobs/{over}")

    assert {blob.key.partition("/")[0] for blob in api.storage.blobs()} == {"assets"}


def test_it_is_in_no_list(client, over):
    client.delete(f"/v1/jobs/{over}")

    for query in ("", "?q=lisbon", "?tag=a", "?state=succeeded", "?kind=style"):
        assert client.get(f"/v1/jobs{query}").json["data"] == []


def test_nothing_of_what_it_was_called_is_left_in_its_row_or_log(api, client):
    job = api.submit(name="Lisbon", metadata='{"who": "Ana"}').json
    client.patch(job["urls"]["self"], json={"name": "Porto", "metadata": {"x": "Rui"}})
    client.post(job["urls"]["cancel"])

    client.delete(job["urls"]["self"])

    with api.db.read() as session:
        row = session.get(Job, job["id"])
        details = session.scalars(select(JobEvent.detail)).all()
    assert (row.name, row.tags, row.user_metadata) == (None, [], {})
    assert not any(details)


@pytest.mark.parametrize("held", [False, True])
def test_a_job_that_is_not_over_cannot_be_deleted(api, client, held):
    job_id = api.submitted()
    if held:
        api.claimed()

    response = client.delete(f"/v1/jobs/{job_id}")

    assert (response.status_code, response.json["code"]) == (409, "invalid-state")
    assert "cancel" in response.json["allowed_actions"]
    assert f"/v1/jobs/{job_id}/cancel" in response.json["hint"]
    assert '{"purge": true}' in response.json["hint"]


def test_a_job_that_never_was_is_404(client):
    assert client.delete("/v1/jobs/job_01JNONE").status_code == 404


def test_a_child_stays_and_its_tree_still_names_the_parent(api, client):
    parent = api.submitted()
    client.post(f"/v1/jobs/{parent}/cancel")
    child = client.post(f"/v1/jobs/{parent}/retry").json

    client.delete(f"/v1/jobs/{parent}")

    assert client.get(child["urls"]["self"]).json["parent"]["job_id"] == parent
    tree = client.get(child["urls"]["tree"]).json
    assert [(one["id"], one["deleted"]) for one in tree["data"]] == [
        (parent, True), (child["id"], False)
    ]  # fmt: skip
    assert [one["url"] for one in tree["data"]] == [None, child["urls"]["self"]]
