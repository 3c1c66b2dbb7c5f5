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
        ("keep_every", "1.5"),
        ("start_deadline", "soon"),
        ("start_deadline", "2001-01-01T00:00:00Z"),
        ("cancel_after", "-5"),
    ],
)
def test_a_wrong_option_is_pointed_at(api, field, text):
    response = api.submit(**{field: text})

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json["errors"]] == [f"/{field}"]
