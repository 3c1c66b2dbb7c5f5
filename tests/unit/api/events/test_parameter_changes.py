"""Changes of a job are told in the words in which they were asked for."""

from __future__ import annotations

import json

import pytest

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def brief(make_api):
    """Streams of this server live for a moment only."""
    return make_api(stream_seconds=0.3, stream_heartbeat_seconds=0.1)


def change(api, job_id, **body):
    response = api.client.patch(f"/v1/jobs/{job_id}", json=body)
    assert response.status_code == 200, response.text
    return response.json


def told(api, job_id, log="events"):
    return api.client.get(f"/v1/jobs/{job_id}/{log}").json["data"]


ASKED = {
    "name": None,
    "metadata": {"a": "1"},
    "priority": "high",
    "cancel_after": "2040-01-02T03:04:05Z",
}
TOLD = {name: ASKED[name] for name in ("metadata", "priority", "cancel_after")}


def test_a_page_of_events_tells_what_changed_and_nothing_else(api):
    job_id = api.submitted()

    change(api, job_id, **ASKED)

    assert told(api, job_id)[-1]["changes"] == TOLD


def test_the_log_says_the_same(api):
    job_id = api.submitted()

    change(api, job_id, **ASKED)

    assert told(api, job_id, "logs")[-1]["detail"] == TOLD
    text = api.client.get(f"/v1/jobs/{job_id}/logs?format=text").text
    assert "priority=high" in text
    assert "user_metadata" not in text


def test_so_does_a_stream(brief):
    job_id = brief.submitted()
    change(brief, job_id, **ASKED)

    text = brief.client.get(f"/v1/jobs/{job_id}/events?after=0", headers=STREAM).text

    (data,) = [row for row in text.splitlines() if '"params_changed"' in row]
    assert json.loads(data.removeprefix("data: "))["changes"] == TOLD


def test_what_is_taken_away_is_told_as_null(api):
    job_id = api.submitted()
    change(api, job_id, cancel_after=3600)

    change(api, job_id, cancel_after=None)

    assert told(api, job_id)[-1]["changes"] == {"cancel_after": None}


def test_asking_for_what_is_so_already_is_no_change(api):
    job_id = api.submitted()
    before = change(api, job_id, name="Lisbon", tags=["a"])

    after = change(api, job_id, name="Lisbon", tags=["a"], priority="normal")

    assert after["revision"] == before["revision"]
    assert len(told(api, job_id)) == 2
