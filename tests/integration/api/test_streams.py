"""Streams over real HTTP, with a real server; a life of a job on both databases."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest

from shared.jobs.actions import cancel, pause, resume
from shared.jobs.lease import stop_job
from shared.jobs.steering import JobChange, update_job
from tests.support.api_process import until
from tests.support.job_rows import submit
from tests.support.simulated_worker import (
    beat,
    checkpoint,
    claim,
    complete,
    frame,
    names,
)

ON_ONE = pytest.mark.parametrize("tenant", ["sqlite"], indirect=True)


@contextmanager
def watched(server, url):
    """Open a stream and read the submission, which may be told twice otherwise."""
    with server.stream(url, Last_Event_ID="0") as stream:
        snapshot = until(stream, "snapshot")[0]
        until(stream, "state")
        yield snapshot, stream


def test_a_stream_tells_the_whole_life_of_a_job(tenant):
    db, server, owner = tenant.db, tenant.server, tenant.owner_id
    job_id = submit(db, owner)
    url = server.get(f"/v1/jobs/{job_id}").json()["urls"]["events"]

    with watched(server, url) as (snapshot, stream):
        claimed = claim(db)
        started = until(stream, "state")
        beat(db, claimed, 10)
        moved = until(stream, "progress")
        frame(db, claimed, 170)
        shown = until(stream, "preview")
        checkpoint(db, claimed, 170)
        kept = until(stream, "checkpoint")
        update_job(db, owner, job_id, JobChange(attributes={"name": "new"}))
        changed = until(stream, "params_changed")
        complete(db, claimed)
        ended = until(stream, "end")
        assert list(stream) == []  # the server has closed it

    assert snapshot[2]["state"] == "queued"
    assert started[-1][2]["state"] == "running"
    assert moved[-1][2]["progress"]["iteration"] == 170
    assert shown[-1][2]["preview"]["url"] == f"/v1/jobs/{job_id}/frames/latest"
    assert kept[-1][2]["last_checkpoint"] == {"iteration": 170}
    assert changed[-1][2]["changes"] == {"name": "new"}
    assert names(ended) == ["log", "state", "output", "end"]
    assert ended[-1][2]["state"] == "succeeded"


def test_who_comes_back_with_the_last_id_has_missed_nothing(tenant):
    db, server, owner = tenant.db, tenant.server, tenant.owner_id
    job_id = submit(db, owner)
    url = f"/v1/jobs/{job_id}/events"
    with watched(server, url) as (_, stream):
        claimed = claim(db)
        last_id = until(stream, "state")[-1][1]

    pause(db, owner, job_id)
    stop_job(db, claimed)
    with server.stream(url, Last_Event_ID=last_id) as stream:
        read = until(stream, "state") + until(stream, "state")
        resume(db, owner, job_id)
        read += until(stream, "state")

    assert names(read) == ["snapshot", *["log", "state"] * 3]
    told = [one for one in read if one[0] == "state"]
    assert [one[2]["event"] for one in told] == ["pause", "stop", "resume"]
    ids = [int(one[1]) for one in told]
    assert ids == sorted(set(ids))
    assert ids[0] > int(last_id)


@ON_ONE
def test_a_new_name_of_a_finished_job_is_told_and_its_stream_still_ends(tenant):
    db, server, owner = tenant.db, tenant.server, tenant.owner_id
    job_id = submit(db, owner)
    url = f"/v1/jobs/{job_id}/events"
    with watched(server, url) as (_, stream):
        complete(db, claim(db))
        last_id = until(stream, "end")[-1][1]

    with server.stream("/v1/events") as stream:
        changed = server.client.patch(f"/v1/jobs/{job_id}", json={"name": "Porto"})
        assert changed.status_code == 200
        assert until(stream, "params_changed")[-1][2]["changes"] == {"name": "Porto"}
    for headers in ({"Last_Event_ID": last_id}, {"Last_Event_ID": "0"}, {}):
        with server.stream(url, **headers) as stream:
            assert names(until(stream, "end")).count("end") == 1

    found = server.get("/v1/jobs?q=porto").json()["data"]
    assert [job["id"] for job in found] == [job_id]


@ON_ONE
def test_one_stream_tells_of_all_jobs_and_many_streams_tell_the_same(tenant):
    db, server, owner = tenant.db, tenant.server, tenant.owner_id
    other = submit(db, f"{owner}_other")
    first = submit(db, owner)

    with ExitStack() as opened:
        all_watched = [
            opened.enter_context(watched(server, "/v1/events")) for _ in range(8)
        ]
        assert {snapshot[2]["id"] for snapshot, _ in all_watched} == {first}
        second = submit(db, owner)
        cancel(db, f"{owner}_other", other)
        cancel(db, owner, first)
        heard = [until(stream, "end") for _, stream in all_watched]

    assert all(each == heard[0] for each in heard)
    told = [(one[0], one[2]["job_id"]) for one in heard[0]]
    assert [one for one in told if one[0] != "log"] == [
        *(("state", second), ("state", first)),
        ("end", first),
    ]
