"""Event streams, and what the client does when one breaks off."""

from __future__ import annotations

import json

import pytest

from impasto.errors import NotFound, ServerUnreachable, Unauthenticated
from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
PATH = f"GET /v1/jobs/{JOB}/events"


def streamed(*events):
    """An answer with these (kind, id, data)."""
    text = "retry: 3000\n"
    for kind, event_id, data in events:
        text += f"event: {kind}\n" + (f"id: {event_id}\n" if event_id else "")
        text += f"data: {json.dumps(data)}\n\n: still here\n"
    return Answer(body=text.encode(), headers={"Content-Type": "text/event-stream"})


def last_ids(farm):
    return [headers.get("Last-Event-ID") for _, _, headers, _ in farm.seen]


def test_the_events_of_a_job_end_with_it(farm, client):
    farm.answers(
        PATH,
        streamed(
            ("snapshot", 16, job()),
            ("progress", None, {"progress": {"fraction": 0.5}}),
            ("end", 17, {"state": "succeeded"}),
        ),
    )

    events = list(client.jobs.events(JOB))

    assert [event.kind for event in events] == ["snapshot", "progress", "end"]
    assert events[1].data["progress"]["fraction"] == 0.5
    assert [event.id for event in events] == ["16", "16", "17"]
    assert farm.seen[0][2]["Accept"] == "text/event-stream"


def test_a_stream_that_was_closed_is_read_on_after_the_last_event(farm, client, pauses):
    farm.answers(
        PATH,
        streamed(("snapshot", 16, job()), ("reconnect", None, {"reason": "age"})),
        streamed(("state", 17, {"state": "running"})),  # and then it breaks off
        Answer(503, problem("busy"), {"Retry-After": "2"}),
        streamed(("end", 18, {"state": "failed"})),
    )

    kinds = [event.kind for event in client.jobs.events(JOB)]

    assert kinds == ["snapshot", "state", "end"]
    assert last_ids(farm) == [None, "16", "17", "17"]
    assert len(pauses) == 3
    assert pauses[2] == 2


def test_nothing_is_left_of_a_job_that_was_read_to_its_end(farm, client):
    farm.answers(PATH, Answer(204, b""))

    assert list(client.jobs.events(JOB, after=18)) == []
    assert last_ids(farm) == ["18"]


def test_a_key_that_was_revoked_ends_the_stream(farm, client):
    refusal = problem("unauthenticated", status=401)
    farm.answers(PATH, streamed(("snapshot", 16, job()), ("problem", None, refusal)))
    events = client.jobs.events(JOB)

    assert next(events).kind == "snapshot"
    with pytest.raises(Unauthenticated):
        next(events)


def test_a_problem_that_passes_ends_no_stream(farm, client):
    busy = problem("busy", status=503)
    farm.answers(
        PATH,
        streamed(("snapshot", 16, job()), ("problem", None, busy)),
        streamed(("end", 17, {"state": "failed"})),
    )

    kinds = [event.kind for event in client.jobs.events(JOB)]

    assert kinds == ["snapshot", "end"]
    assert last_ids(farm) == [None, "16"]


def test_an_unknown_job_has_no_events(farm, client):
    with pytest.raises(NotFound):
        next(client.jobs.events(JOB))


def test_a_server_that_stays_away_is_unreachable(farm, client, pauses):
    farm.answers(PATH, Answer(503, problem("busy")))

    with pytest.raises(Exception, match="busy"):
        next(client.jobs.events(JOB))

    assert len(pauses) == 8


def test_what_is_no_stream_comes_from_no_server_of_ours(farm, client):
    farm.answers(PATH, Answer(body={}))

    with pytest.raises(ServerUnreachable, match="event-stream"):
        next(client.jobs.events(JOB))


def test_the_events_of_several_jobs_have_no_end(farm, client):
    farm.answers("GET /v1/events", streamed(("end", 5, {}), ("state", 6, {})))

    events = client.events([JOB, JOB])

    assert [next(events).kind, next(events).kind] == ["end", "state"]
    assert farm.seen[0][1].endswith(f"?jobs={JOB}%2C{JOB}")
