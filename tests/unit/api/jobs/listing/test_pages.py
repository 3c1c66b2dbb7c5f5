from __future__ import annotations

import pytest


def ids(response):
    return [job["id"] for job in response.json["data"]]


@pytest.fixture
def five(api, clock):
    made = []
    for _ in range(5):
        clock.advance(1)
        made.append(api.submitted())
    return made[::-1]


def test_jobs_are_listed_newest_first(client, five):
    response = client.get("/v1/jobs")

    assert ids(response) == five
    assert response.json["next_cursor"] is None
    assert "Link" not in response.headers


def test_pages_follow_each_other_without_gap_or_repeat(client, five):
    url, seen = "/v1/jobs?limit=2&state=queued", []
    while url:
        response = client.get(url)
        seen += ids(response)
        link = response.headers.get("Link", "")
        assert bool(link) == bool(response.json["next_cursor"])
        url = link.partition("<")[2].partition(">")[0]

    assert seen == five
    assert link == ""


def test_a_job_made_meanwhile_does_not_shift_the_pages(api, client, five):
    first = client.get("/v1/jobs?limit=2").json
    api.submitted()

    second = client.get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}")

    assert ids(second) == five[2:4]


def test_only_jobs_in_a_state_are_listed(api, client, five):
    claim = api.claimed()

    assert ids(client.get("/v1/jobs?state=running")) == [claim.job_id]
    assert len(ids(client.get("/v1/jobs?state=queued"))) == 4


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0.abc", "", "%00", "a.b.c", "é"])
def test_a_cursor_that_we_did_not_sign_is_400(client, cursor):
    response = client.get(f"/v1/jobs?cursor={cursor}")

    assert (response.status_code, response.json["code"]) == (400, "bad-cursor")


def test_a_changed_cursor_is_400(client, five):
    cursor = client.get("/v1/jobs?limit=2").json["next_cursor"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]

    assert client.get(f"/v1/jobs?cursor={changed}").json["code"] == "bad-cursor"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=many", "/limit"),
        ("state=asleep", "/state"),
        ("order=asc", "/order"),
    ],
)
def test_a_wrong_query_is_pointed_at(client, query, pointer):
    response = client.get(f"/v1/jobs?{query}")

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
