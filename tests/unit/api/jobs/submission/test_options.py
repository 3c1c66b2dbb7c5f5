"""What may be said of a job besides its pictures and parameters."""

from __future__ import annotations

import pytest


def test_a_job_is_submitted_with_deadlines_and_its_place_in_line(api):
    response = api.submit(
        priority="high",
        max_attempts="2",
        keep_every="20",
        start_deadline="600",
        cancel_after="2027-02-01T00:00:00Z",
    )

    job = response.json
    assert response.status_code == 202, job
    told = (job["priority"], job["max_attempts"], job["keep_every"])
    assert told == ("high", 2, 20)
    assert job["start_deadline"] == "2027-01-15T08:10:00Z"
    assert job["cancel_after"] == "2027-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("priority", "9"),
        ("max_attempts", "0"),
        ("max_attempts", "101"),
        ("keep_every", "1.5"),
        ("keep_every", "20001"),
        ("start_deadline", "soon"),
        ("start_deadline", "2001-01-01T00:00:00Z"),
        ("cancel_after", "-5"),
        ("start_deadline", "9999-12-31T23:59:59-23:59"),
        ("cancel_after", "9999-12-31T23:59:59-23:59"),
        ("cancel_after", "2100-01-01T00:00:00Z"),
        ("cancel_after", "9" * 4000),
        ("cancel_after", "true"),
        ("max_attempts", "\u0663"),
    ],
)
def test_a_wrong_option_is_pointed_at(api, field, text):
    response = api.submit(**{field: text})

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json["errors"]] == [f"/{field}"]


# A day before its writer's year ends, one later in UTC: no datetime can hold that.
BEYOND = "9999-12-31T23:59:59-23:59"


def test_a_time_beyond_all_calendars_is_pointed_at_in_json_too(api):
    for field in ("start_deadline", "cancel_after"):
        response = api.client.post("/v1/jobs", json={field: BEYOND})

        told = {one["pointer"]: one["code"] for one in response.json["errors"]}
        assert told[f"/{field}"] == "too-far"


def test_a_job_keeps_its_deadline_when_a_change_names_one_beyond_all_calendars(api):
    job_id = api.submitted()

    response = api.client.patch(f"/v1/jobs/{job_id}", json={"cancel_after": BEYOND})

    assert response.status_code == 422
    assert [one["code"] for one in response.json["errors"]] == ["too-far"]
    assert api.client.get(f"/v1/jobs/{job_id}").json["cancel_after"] is None
    assert api.client.get("/v1/jobs").status_code == 200
