"""What a waiting job is told of its start, and when to ask again."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from shared.db.models.auth import Owner
from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.queries import queue as lining
from shared.workers.pace_table import PaceMeasurement, record_paces
from shared.workers.registry import set_worker_draining

SETUP, METHOD = "cpu, a cpu", "vgg16 lbfgs gram relu4_2"
SECONDS_PER_MPX = 10.0


@pytest.fixture
def measured(api):
    sizes = (0.002, 0.008, 0.03, 0.13)
    each = [PaceMeasurement(m, SECONDS_PER_MPX) for m in sizes]
    record_paces(api.db, SETUP, METHOD, each)


@pytest.fixture
def behind(api, measured, clock):
    """The address of a job that waits for another, and how to say what that one needs.

    That other one's worker may revise it at each heartbeat.
    """
    api.worker(setup=SETUP)
    api.submitted(max_edge=512)
    clock.advance(1)
    url = f"/v1/jobs/{api.submitted(max_edge=128)}"
    claim = api.claimed()

    def needs(seconds):
        times = [seconds / 40] * 3  # 40 of the last 50 iterations are left
        api.beat(claim, scale=2, scale_iteration=10, iteration_seconds=times)
        return api.client.get(url)

    return url, needs


def queue(api, job_id):
    return api.client.get(f"/v1/jobs/{job_id}").json["queue"]


def test_waiting_jobs_tell_when_they_start_and_end(api, measured, clock):
    api.worker(setup=SETUP)
    api.submitted(max_edge=128)
    clock.advance(1)

    told = queue(api, api.submitted(max_edge=128))

    assert told["position"] == 2
    assert told["starts_in_s"] == pytest.approx(
        SECONDS_PER_MPX * 128 * 96 * 150 / 1e6, rel=0.1
    )
    assert told["starts_at"] < told["finishes_at"]
    assert told["reason"] == "waiting_for_worker"


def test_moments_are_those_of_the_database(behind):
    _, needs = behind

    told = needs(600).json["queue"]

    assert told["starts_in_s"] == 600.0
    assert told["starts_at"] == "2027-01-15T08:10:01Z"  # its clock shows 08:00:01


def test_a_job_that_backs_off_starts_when_the_database_says_it_is_due(api, measured):
    api.worker(setup=SETUP)
    job_id = api.submitted(max_edge=128)
    api.fail(api.claimed(), retryable=True)

    told = queue(api, job_id)

    assert told["reason"] == "backing_off"
    assert told["starts_in_s"] == pytest.approx(10)


def test_reasons_tell_why_a_job_waits(api, clock):
    job_id = api.submitted()
    assert queue(api, job_id)["reason"] == "no_capable_worker_alive"
    api.worker()
    assert queue(api, job_id)["reason"] == "waiting_for_worker"
    with api.db.write() as session:
        session.execute(update(Owner).values(max_running=0))
    assert queue(api, job_id)["reason"] == "quota"
    set_worker_draining(api.db, "wkr_1", draining=True)
    assert queue(api, job_id)["reason"] == "queue_paused"


def test_a_start_that_moves_is_no_new_version(api, behind):
    url, needs = behind
    first = needs(600)
    etag = {"If-None-Match": first.headers["ETag"]}

    moved = needs(100)

    assert moved.json["queue"] != first.json["queue"]
    assert moved.get_etag() == first.get_etag()
    unchanged = api.client.get(url, headers=etag)
    assert unchanged.status_code == 304
    assert unchanged.headers["Retry-After"] == moved.headers["Retry-After"] == "30"


@pytest.mark.parametrize(("left", "seconds"), [(0.2, 1), (12.3, 12), (500, 30)])
def test_retry_after_of_a_waiting_job_is_the_time_until_it_starts(
    api, behind, left, seconds
):
    url, needs = behind
    polled = needs(left)

    unchanged = api.client.get(url, headers={"If-None-Match": polled.headers["ETag"]})

    assert polled.headers["Retry-After"] == unchanged.headers["Retry-After"]
    assert polled.headers["Retry-After"] == str(seconds)


def test_only_polls_tell_the_place_of_a_job(api, measured, clock):
    api.worker(setup=SETUP)
    api.submitted(max_edge=128)
    clock.advance(1)
    submitted = api.submit(params={"max_edge": 64})
    url = submitted.json["urls"]["self"]
    changed = api.client.patch(url, json={"name": "Lisbon"})

    for answer in (submitted, changed):
        assert answer.json["queue"] is None
        assert answer.headers["Retry-After"] == "1"
        assert "ETag" not in answer.headers  # the next poll is not answered with 304
    polled = api.client.get(url)
    assert polled.json["queue"]["position"] == 2
    assert {**polled.json, "queue": None} == changed.json


def test_retry_after_follows_the_place_where_no_start_is_known(api, clock):
    urls = []
    for _ in range(3):
        urls.append(api.submit().json["urls"]["self"])
        clock.advance(1)

    answers = [api.client.get(url) for url in urls]

    assert [one.headers["Retry-After"] for one in answers] == ["1", "3", "5"]


def test_the_queue_tells_when_a_job_of_each_priority_would_start(api, behind, clock):
    _, needs = behind
    needs(50)
    clock.advance(1)

    waits = api.client.get("/v1/queue").json["estimated_wait"]

    def starts(priority):
        job_id = api.submit(params={"max_edge": 512}, priority=priority).json["id"]
        place = queue(api, job_id)
        cancel(api.db, LOCAL_OWNER_ID, job_id)
        return place["starts_in_s"]

    assert {word: one["starts_in_s"] for word, one in waits.items()} == {
        word: starts(word) for word in ("high", "normal", "low")
    }
    assert waits["high"]["starts_in_s"] == 50.0  # before the one that waits
    assert waits["normal"]["starts_in_s"] > 60
    assert waits["high"]["reason"] == "waiting_for_worker"


def test_without_a_worker_the_queue_tells_no_wait_but_a_reason(api):
    waits = api.client.get("/v1/queue").json["estimated_wait"]

    assert set(waits) == {"high", "normal", "low"}
    for one in waits.values():
        assert one["starts_in_s"] is None
        assert one["reason"] == "no_capable_worker_alive"


def test_behind_more_jobs_than_are_planned_the_wait_is_reckoned(
    api, measured, clock, monkeypatch
):
    monkeypatch.setattr(lining, "MAX_PLANNED", 4)
    api.worker(setup=SETUP)
    for _ in range(12):
        api.submitted(max_edge=128)
        clock.advance(1)

    waits = api.client.get("/v1/queue").json["estimated_wait"]

    each = SECONDS_PER_MPX * 128 * 96 * 150 / 1e6
    assert waits["high"]["starts_in_s"] == 0.0  # before all of them: that is planned
    assert waits["normal"]["starts_in_s"] == pytest.approx(12 * each, rel=0.3)
