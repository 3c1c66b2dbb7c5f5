"""The list by tags, words, kind, parent and time."""

from __future__ import annotations

import pytest


def ids(response):
    assert response.status_code == 200, response.text
    return [job["id"] for job in response.json["data"]]


@pytest.fixture
def made(api, clock):
    """Jobs by name, a minute apart."""
    tags = {"Lisbon in Blue": '["series-3"]', "blue Tram": '["series-3", "tram"]',
            "Porto": '["tram"]', "": "[]"}  # fmt: skip
    found = {}
    for name, each in tags.items():
        clock.advance(60)
        found[name] = api.submit(name=name, tags=each).json["id"]
    return found


def test_a_tag_finds_the_jobs_that_have_it(client, made):
    assert ids(client.get("/v1/jobs?tag=tram")) == [made["Porto"], made["blue Tram"]]
    assert ids(client.get("/v1/jobs?tag=tra")) == []


def test_words_find_the_names_that_have_all_of_them_in_any_order(client, made):
    assert ids(client.get("/v1/jobs?q=BLUE")) == [
        made["blue Tram"], made["Lisbon in Blue"]
    ]  # fmt: skip
    assert ids(client.get("/v1/jobs?q=blue, lisbon")) == [made["Lisbon in Blue"]]
    assert ids(client.get("/v1/jobs?q=!")) == []
    assert ids(client.get("/v1/jobs?q=tram&tag=series-3")) == [made["blue Tram"]]


def test_a_tag_is_no_word_of_a_name(client, made):
    assert ids(client.get("/v1/jobs?q=series")) == []


def test_a_renamed_job_is_found_by_its_new_name_only(client, made):
    job_id = made["Porto"]
    client.patch(f"/v1/jobs/{job_id}", json={"name": "Braga", "tags": ["bus"]})

    assert ids(client.get("/v1/jobs?q=porto")) == []
    assert ids(client.get("/v1/jobs?q=braga")) == [job_id]
    assert ids(client.get("/v1/jobs?tag=bus")) == [job_id]


def test_times_bound_the_list(client, made):
    times = [job["created_at"] for job in client.get("/v1/jobs").json["data"]]
    newest, second, third, _ = times

    query = {"created_after": third, "created_before": newest}
    found = client.get("/v1/jobs", query_string=query)

    assert [job["created_at"] for job in found.json["data"]] == [second]


def test_children_and_kinds_are_found(api, client, made):
    parent = made["Porto"]
    client.post(f"/v1/jobs/{parent}/cancel")
    child = client.post(f"/v1/jobs/{parent}/retry").json["id"]
    looked = client.post("/v1/explorations", json={}).json["id"]

    assert ids(client.get(f"/v1/jobs?parent_id={parent}")) == [child]
    assert ids(client.get("/v1/jobs?kind=explore")) == [looked]
    assert len(ids(client.get("/v1/jobs?kind=style&state=queued"))) == 4


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("q=%00", "/q"),
        ("tag=%00", "/tag/0"),
        ("parent_id=a'b", "/parent_id"),
        ("kind=film", "/kind"),
        ("created_after=2026-01-01T00:00:00", "/created_after"),  # of which zone?
        ("created_before=soon", "/created_before"),
    ],
)
def test_a_wrong_filter_is_pointed_at(client, query, pointer):
    response = client.get(f"/v1/jobs?{query}")

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]


@pytest.mark.parametrize("text", ["0.5", "1700000000", "2026-01-31", "yesterday"])
def test_a_time_that_is_not_written_as_one_is_refused(client, text):
    response = client.get("/v1/jobs", query_string={"created_before": text})

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "/created_before"
