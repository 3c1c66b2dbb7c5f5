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


@pytest.mark.parametrize(("asked", "word"), [("", "false"), ("&count=true", "true")])
def test_the_link_to_the_next_page_says_true_and_false_as_json_does(api, asked, word):
    for _ in range(2):
        api.client.post("/v1/explorations")

    first = api.client.get(f"/v1/jobs?limit=1{asked}")
    assert f"count={word}&" in first.headers["Link"]
    url = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = api.client.get(url)
    assert second.status_code == 200
    assert second.json["count"] == first.json["count"]


def test_a_list_has_only_the_members_that_are_asked_for(api):
    for _ in range(3):
        api.client.post("/v1/explorations")

    for query in ("fields=id,state", "fields=id&fields=state", "fields=state, id"):
        page = api.client.get(f"/v1/jobs?limit=2&{query}")
        assert [set(job) for job in page.json["data"]] == [{"id", "state"}] * 2
        assert page.json["next_cursor"]
    url = page.headers["Link"].partition(">")[0].removeprefix("<")
    (last,) = api.client.get(url).json["data"]
    assert set(last) == {"id", "state"}
    cursor = page.json["next_cursor"]
    (whole,) = api.client.get(f"/v1/jobs?cursor={cursor}").json["data"]
    assert whole["urls"]
    placed = api.client.get("/v1/jobs?fields=queue").json["data"]
    assert all(job["queue"]["position"] for job in placed)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/assets", "/v1/keys"])
def test_an_unknown_member_is_told_the_known_ones(api, path):
    refused = api.client.get(f"{path}?fields=id,colour")

    assert refused.status_code == 422
    (error,) = refused.json["errors"]
    assert error["pointer"] == "/fields"
    assert "'colour'" in error["detail"]
    assert "created_at" in error["detail"]


def test_lists_of_pictures_and_keys_have_fields_too(api, keyed, a_picture):
    api.submitted()
    (first, _) = api.client.get("/v1/assets?fields=id,sha256").json["data"]
    assert set(first) == {"id", "sha256"}

    headers = keyed.bearer("admin")
    (key,) = keyed.client.get("/v1/keys?fields=id", headers=headers).json["data"]
    assert set(key) == {"id"}
