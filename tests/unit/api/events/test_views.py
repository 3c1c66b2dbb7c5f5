"""The log of jobs as pages and as streams, over a real database."""

from __future__ import annotations

import json

import pytest
from werkzeug.test import Client as Unhurried

from shared.jobs.steering import begin_segments
from shared.jobs.submit import LOCAL_OWNER_ID

STREAM = {"Accept": "text/event-stream"}
OWNER = LOCAL_OWNER_ID


def events(text):
    """(name, id or None, data) of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            row.split(": ", 1) for row in block.splitlines() if not row.startswith(":")
        )
        if block:  # each is an event: some clients report any other as an empty one
            data = json.loads(fields["data"])
            found.append((fields["event"], fields.get("id"), data))
    return found


def opened(api, url):
    """A stream that is read by who asked for it, piece by piece."""
    local = {"REMOTE_ADDR": "127.0.0.1"}
    stream = Unhurried(api.app).open(url, headers=STREAM, environ_base=local)
    assert stream.status_code == 200, stream.text
    return stream


def names(found):
    return [name for name, _, _ in found]


@pytest.fixture
def done(api):
    """A job that has lived: submitted, claimed, steered, done."""
    job_id = api.submitted()
    claim = api.claimed()
    api.beat(claim)
    api.finish(claim)
    return job_id


@pytest.fixture
def brief(make_api):
    """Streams of this server live for a moment only."""
    return make_api(stream_seconds=0.3, stream_heartbeat_seconds=0.1)


@pytest.fixture
def done_before(brief):
    """Number of the last event of a job that has ended."""
    job_id = brief.submitted()
    brief.finish(brief.claimed())
    return brief.client.get(f"/v1/jobs/{job_id}/events").json["next_after"]


def test_the_log_of_a_job_is_a_page_of_what_happened(api, done):
    response = api.client.get(f"/v1/jobs/{done}/events")

    said = response.json["data"]
    assert [one["type"] for one in said] == ["state", "state", "state", "output", "end"]
    assert [one.get("event") for one in said[:3]] == ["submit", "claim", "complete"]
    assert (said[2]["from_state"], said[2]["state"]) == ("running", "succeeded")
    assert said[3]["outputs"][0]["url"] == f"/v1/jobs/{done}/result"
    assert said[2]["seq"] == said[4]["seq"] == response.json["next_after"]
    assert response.headers["Vary"] == "Accept"
    assert "Link" not in response.headers


def test_pages_lead_on_and_the_last_says_where_news_would_begin(api, done):
    seen, url = [], f"/v1/jobs/{done}/events?limit=1"
    while url is not None:
        page = api.client.get(url)
        seen += [one["type"] for one in page.json["data"]]
        link = page.headers.get("Link")
        url = link and link[1 : link.index(">")]

    assert seen == ["state", "state", "state", "output", "end"]
    assert page.json["data"] == []
    after = page.json["next_after"]
    empty = api.client.get(f"/v1/jobs/{done}/events?after={after}").json
    assert empty == {"data": [], "next_after": after}


def test_a_change_of_parameters_is_told_when_it_is_asked_and_when_it_begins(api):
    job_id = api.submitted()
    claim = api.claimed()
    body = {"style_weight": 3.0}
    api.client.patch(f"/v1/jobs/{job_id}", json=body, headers={"If-Match": '"2"'})
    begin_segments(api.db, claim, 25)

    said = api.client.get(f"/v1/jobs/{job_id}/events").json["data"][-2:]

    assert [one["type"] for one in said] == ["params_changed", "params_changed"]
    assert said[0]["changes"] == {"style_weight": 3.0}
    assert said[1]["from_iteration"] == 25


def test_the_log_of_all_jobs_has_those_that_are_named(api):
    first, second = api.submitted(), api.submitted()

    def ids(query=""):
        data = api.client.get(f"/v1/events{query}").json["data"]
        return {one["job_id"] for one in data}

    assert ids() == {first, second}
    assert ids(f"?jobs={second}") == {second}
    assert ids(f"?jobs={first},{second}") == {first, second}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?jobs=job_none", 404),
        ("?jobs=", 404),
        ("?jobs=" + "a," * 60, 422),
        ("?after=-1", 422),
        ("?after=99999999999999999999", 422),
        ("?limit=0", 422),
        ("?nothing=1", 422),
    ],
)
def test_what_cannot_be_followed_is_refused(client, query, status):
    for headers in ({}, STREAM):
        assert client.get(f"/v1/events{query}", headers=headers).status_code == status


def test_a_job_of_nobody_has_no_events(client):
    response = client.get("/v1/jobs/job_none/events", headers=STREAM)

    assert (response.status_code, response.mimetype) == (
        404,
        "application/problem+json",
    )


def test_the_stream_of_a_job_that_is_over_shows_it_and_ends(api, done):
    response = api.client.get(f"/v1/jobs/{done}/events", headers=STREAM)

    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.text.startswith("retry: 3000\nevent: snapshot\n")
    found = events(response.text)
    assert names(found) == ["snapshot", "end"]
    assert found[0][2] == api.client.get(f"/v1/jobs/{done}").json
    assert found[1][2] == {"job_id": done, "state": "succeeded"}


def test_a_client_that_comes_back_sees_the_job_and_hears_what_it_missed(api, done):
    first = api.client.get(f"/v1/jobs/{done}/events").json["data"][0]["seq"]
    back = {**STREAM, "Last-Event-ID": str(first)}

    found = events(api.client.get(f"/v1/jobs/{done}/events", headers=back).text)

    claimed, completed = ["log", "state"], ["log", "state", "output", "end"]
    assert names(found) == ["snapshot", *claimed, *completed]
    # No id before the last of a line: nothing is skipped by who leaves in between.
    ids = [event_id for _, event_id, _ in found]
    assert ids == [None, None, str(first + 1), *[None] * 3, str(first + 2)]


def test_who_knows_the_end_is_told_to_stay_away(api, done):
    last = api.client.get(f"/v1/jobs/{done}/events").json["next_after"]
    back = {**STREAM, "Last-Event-ID": str(last)}

    response = api.client.get(f"/v1/jobs/{done}/events", headers=back)

    assert (response.status_code, response.data) == (204, b"")


def test_after_in_the_address_does_what_last_event_id_does(api, done):
    found = events(
        api.client.get(f"/v1/jobs/{done}/events?after=0", headers=STREAM).text
    )

    meanings = [name for name in names(found) if name != "log"]
    assert meanings == ["snapshot", "state", "state", "state", "output", "end"]


def test_a_stream_has_each_line_of_the_log_as_the_log_itself_has_it(api, done):
    lines = api.client.get(f"/v1/jobs/{done}/logs").json["data"]
    assert len(lines) == 3

    text = api.client.get(f"/v1/jobs/{done}/events?after=0", headers=STREAM).text

    assert [data for name, _, data in events(text) if name == "log"] == lines


def test_a_last_event_id_that_is_none_of_ours_is_no_error(api, done):
    for told in ("", "x", "-3", "1.5", "²", "9" * 40):
        headers = {**STREAM, "Last-Event-ID": told.encode().decode("latin-1")}

        response = api.client.get(f"/v1/jobs/{done}/events", headers=headers)

        assert names(events(response.text)) == ["snapshot", "end"], told


def test_a_stream_says_that_it_lives_and_in_time_asks_its_client_to_come_back(make_api):
    brief = make_api(stream_seconds=0.3, stream_heartbeat_seconds=0.01)
    job_id = brief.submitted()

    text = brief.client.get(f"/v1/jobs/{job_id}/events", headers=STREAM).text

    found = events(text)
    assert names(found) == ["snapshot", "reconnect"]
    assert found[-1][2] == {"reason": "age"}
    assert ": still here\n" in text


def test_the_stream_of_all_jobs_begins_with_those_that_are_not_over(brief):
    first = brief.submitted()
    brief.finish(brief.claimed())
    second, third = brief.submitted(), brief.submitted()

    def shown(query=""):
        text = brief.client.get(f"/v1/events{query}", headers=STREAM).text
        return {data["id"] for name, _, data in events(text) if name == "snapshot"}

    assert shown() == {second, third}
    assert shown(f"?jobs={first}") == {first}


def test_a_stream_without_unfinished_jobs_says_where_it_began(brief, done_before):
    found = events(brief.client.get("/v1/events", headers=STREAM).text)

    assert [(name, event_id) for name, event_id, _ in found] == [
        ("reconnect", str(done_before))
    ]
    # Who comes back hears what happened in between.
    job_id = brief.submitted()
    brief.finish(brief.claimed())
    back = {**STREAM, "Last-Event-ID": found[0][1]}
    missed = events(brief.client.get("/v1/events", headers=back).text)
    assert names(missed)[-2:] == ["end", "reconnect"]
    assert missed[-2][2]["job_id"] == job_id


def test_with_every_place_taken_streams_and_waits_are_refused_and_polls_are_not(
    make_api,
):
    api = make_api(max_streams=1)
    url = f"/v1/jobs/{api.submitted()}"
    etag = api.client.get(url).headers["ETag"]
    api.dependencies.stream_slots.take(OWNER)

    stream = api.client.get(f"{url}/events", headers=STREAM)
    held = {"If-None-Match": etag, "Prefer": "wait=5"}
    wait = api.client.get(url, headers=held)

    for refused in (stream, wait):
        assert refused.status_code == 429
        assert refused.json["code"] == "too-many-streams"
        assert refused.headers["Retry-After"]
    poll = api.client.get(url, headers={"If-None-Match": etag})
    assert poll.status_code == 304
    page = api.client.get(f"{url}/events")
    assert page.status_code == 200
    submitted = api.submit(headers={"Prefer": "wait=5"})
    assert submitted.status_code == 202
    assert "Preference-Applied" not in submitted.headers


def test_places_are_given_back_however_a_stream_ends(make_api, clock):
    api = make_api(max_streams=1, stream_seconds=0.05)
    job_id = api.submitted()
    url = f"/v1/jobs/{job_id}/events"

    for _ in range(3):
        assert api.client.get(url, headers=STREAM).status_code == 200
        assert api.client.head(url, headers=STREAM).status_code == 200
        assert api.client.get("/v1/events?jobs=no", headers=STREAM).status_code == 404
    left = opened(api, url)
    left.close()  # before the first word
    assert api.client.get(url, headers=STREAM).status_code == 200


def test_a_preview_is_told_with_its_addresses(make_api):
    api = make_api(stream_seconds=60)
    job_id = api.submitted()
    claim = api.claimed()
    stream = opened(api, f"/v1/jobs/{job_id}/events")
    pieces = (piece.decode() for piece in stream.response)
    assert "event: snapshot" in next(pieces)

    api.frame(claim, 50, b"the thumb")

    told = next(piece for piece in pieces if "event: preview" in piece)
    stream.close()
    preview = events(told)[0][2]["preview"]
    assert preview["iteration"] == 50
    assert preview["thumb_url"] == f"/v1/jobs/{job_id}/frames/50/thumb"


@pytest.mark.parametrize("name", ["api_key", "key", "stream_token", "access_token"])
def test_no_key_in_the_address_opens_a_stream(keyed, name):
    url = f"/v1/events?{name}={keyed.token()}"

    assert keyed.client.get(url, headers=STREAM).status_code == 401
