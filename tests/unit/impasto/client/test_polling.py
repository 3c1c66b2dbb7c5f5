"""How the client waits: held answers where the server gives them, else polls."""

from __future__ import annotations

from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"
HELD = {"Preference-Applied": "wait=1"}


def asked(farm, name):
    return [headers.get(name) for _, _, headers, _ in farm.seen]


def test_the_server_holds_each_answer_until_there_is_news(farm, client, pauses):
    farm.answers(
        SELF,
        Answer(body=job(), headers={"ETag": '"1"', "Retry-After": "7"}),
        Answer(304, headers=HELD),
        Answer(body=job("running"), headers={"ETag": '"2"', **HELD}),
        Answer(body=job("succeeded"), headers=HELD),
    )

    states = [found.state for found in client.jobs.watch(JOB)]

    assert states == ["queued", "running", "succeeded"]
    assert asked(farm, "Prefer") == [None, *["wait=1"] * 3]
    assert asked(farm, "If-None-Match") == [None, '"1"', '"1"', '"2"']
    # A moment to tend processes; longer where nothing was held, as at its shutdown.
    assert pauses[1:] == [0, 0]
    assert 0.5 < pauses[0] <= 1


def test_without_a_place_to_wait_it_looks_once_and_tries_again(farm, client, pauses):
    full = Answer(429, problem("too-many-streams"), {"Retry-After": "5"})
    farm.answers(
        SELF,
        Answer(body=job("running")),
        full,
        Answer(304),
        Answer(body=job("succeeded"), headers=HELD),
    )

    states = [found.state for found in client.jobs.watch(JOB)]

    assert states == ["running", "succeeded"]
    assert asked(farm, "Prefer") == [None, "wait=1", None, "wait=1"]
    assert pauses == [1, 0]


def test_who_shows_nothing_waits_longer(farm, client):
    farm.answers(SELF, Answer(body=job()), Answer(body=job("failed"), headers=HELD))

    assert client.jobs.wait(JOB).state == "failed"

    assert asked(farm, "Prefer") == [None, "wait=5"]
