"""Estimates, times of running jobs, and how good they are."""

from __future__ import annotations

import io
import json

import pytest
from pydantic import TypeAdapter

from api.estimates import Estimate
from shared.jobs.actions import cancel, pause
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.workers.pace_table import PaceMeasurement, record_paces

SETUP, METHOD = "cpu, a cpu", "vgg16 lbfgs gram relu4_2"
SECONDS_PER_MPX = 10.0


@pytest.fixture
def estimate(api, a_picture):
    def ask(files=None, **params):
        form = {
            name: (io.BytesIO(a_picture(size=(120, 60))), f"{name}.png")
            for name in files or ("content", "style")
        }
        form["params"] = json.dumps(params)
        return api.client.post(
            "/v1/estimates", data=form, content_type="multipart/form-data"
        )

    return ask


@pytest.fixture
def measured(api):
    sizes = (0.002, 0.008, 0.03, 0.13)
    each = [PaceMeasurement(m, SECONDS_PER_MPX) for m in sizes]
    record_paces(api.db, SETUP, METHOD, each)


def test_an_estimate_tells_time_memory_and_place(api, estimate, measured):
    api.worker(setup=SETUP)
    response = estimate(max_edge=128)

    said = response.json
    assert response.status_code == 200
    TypeAdapter(Estimate).validate_python(said)
    assert (said["width"], said["height"], said["iterations"]) == (128, 64, 150)
    assert said["megapixel_iterations"] == pytest.approx(128 * 64 * 150 / 1e6, abs=0.01)
    (one,) = said["workers"]
    expected = SECONDS_PER_MPX * 128 * 64 * 150 / 1e6
    assert one["seconds"] == pytest.approx(expected, rel=0.02)
    assert one["low_s"] < one["seconds"] < one["high_s"]
    assert one["fits"]
    assert one["peak_mb"] > 300
    assert said["queue"]["position"] == 1
    assert said["queue"]["starts_in_s"] == 0


def test_an_estimate_queues_nothing(api, estimate):
    estimate()

    assert api.client.get("/v1/jobs").json["data"] == []
    assert api.notifier.notified == []


def test_an_estimate_waits_behind_the_jobs_in_line(api, estimate, measured, clock):
    api.worker(setup=SETUP)
    first = api.submitted(max_edge=128)
    clock.advance(1)

    said = estimate(max_edge=128).json["queue"]

    assert (said["position"], said["ahead"]) == (2, 1)
    assert said["starts_in_s"] > 5
    queue = api.client.get(f"/v1/jobs/{first}").json["queue"]
    assert queue["starts_in_s"] == 0


def test_a_worker_that_is_too_small_does_not_fit(api, estimate, measured):
    api.worker(setup=SETUP, device_bytes=900_000_000)

    said = estimate(max_edge=4096, optimizer="adam").json

    assert (said["fits"], said["workers"][0]["fits"]) == (False, False)
    assert said["workers"][0]["seconds"] is None
    assert 64 <= said["largest_max_edge"] < 4096
    assert said["queue"]["reason"] == "no_capable_worker_alive"
    edge = said["largest_max_edge"]
    assert estimate(max_edge=edge, optimizer="adam").json["fits"]
    assert not estimate(max_edge=edge + 16, optimizer="adam").json["fits"]


def test_without_a_worker_there_is_no_time_but_a_reason(estimate):
    said = estimate().json

    assert said["workers"] == []
    assert said["queue"]["starts_in_s"] is None
    assert said["queue"]["reason"] == "no_capable_worker_alive"


def test_an_estimate_names_the_job_that_reuse_would_take(api, estimate, a_picture):
    assert estimate(max_edge=128).json["equal_job"] is None
    same = [(name, a_picture(size=(120, 60))) for name in ("content", "style")]
    first = api.submit(same, {"max_edge": 128}).json

    told = estimate(max_edge=128).json["equal_job"]

    reused = api.submit(same, {"max_edge": 128}, reuse="finished_or_active").json
    assert (told["id"], told["state"]) == (reused["id"], "queued")
    assert told["urls"] == first["urls"]
    assert estimate(max_edge=129).json["equal_job"] is None
    api.finish(api.claimed())
    done = estimate(max_edge=128).json["equal_job"]
    assert (done["id"], done["state"]) == (first["id"], "succeeded")
    assert done["urls"]["retry"] is None


def test_an_estimate_in_json_names_the_equal_job_too(api, a_picture):
    job = api.submit(params={"max_edge": 128}).json["params"]
    wanted = {name: job[name] for name in ("content", "styles", "max_edge")}

    def equal(**more):
        answer = api.client.post("/v1/estimates", json={**wanted, **more})
        return answer.json["equal_job"]

    assert equal()["state"] == "queued"
    change = {"from_iteration": 3, "changes": {"style_weight": 2.0}}
    assert equal(segments=[change]) is None  # another picture


@pytest.mark.parametrize("verb", ["delete", "pause"])
def test_a_job_that_gives_no_picture_is_no_equal_one(api, estimate, a_picture, verb):
    same = [(name, a_picture(size=(120, 60))) for name in ("content", "style")]
    job_id = api.submit(same, {"max_edge": 128}).json["id"]
    if verb == "pause":
        pause(api.db, LOCAL_OWNER_ID, job_id)
    else:
        cancel(api.db, LOCAL_OWNER_ID, job_id)
        assert api.client.delete(f"/v1/jobs/{job_id}").status_code == 204

    assert estimate(max_edge=128).json["equal_job"] is None


def test_equal_jobs_of_others_are_not_told(keyed, a_picture, clock):
    mine, theirs, nobodys = (keyed.bearer() for _ in range(3))
    told = [keyed.submit(headers=mine).json["id"]]
    clock.advance(1)
    told += [keyed.submit(headers=theirs).json["id"]]

    def equal(headers):
        form = {
            name: (io.BytesIO(a_picture(color)), "a.png")
            for name, color in (("content", "red"), ("style", "blue"))
        }
        answer = keyed.client.post("/v1/estimates", data=form, headers=headers)
        return answer.json["equal_job"]

    assert [equal(mine)["id"], equal(theirs)["id"]] == told
    assert equal(nobodys) is None


def test_an_estimate_is_checked_as_a_job_is(estimate):
    wrong = estimate(max_edge=9)
    missing = estimate(files=("content",))

    assert wrong.status_code == missing.status_code == 422
    assert wrong.json["errors"][0]["pointer"] == "/params/max_edge"
    assert missing.json["errors"][0]["pointer"] == "/style"


def test_a_running_job_tells_a_range(api):
    job_id = api.submitted(max_edge=512)
    times = [0.1, 0.2, 0.5]
    api.beat(api.claimed(), iteration_seconds=times, deviation=0.1)

    progress = api.client.get(f"/v1/jobs/{job_id}").json["progress"]

    assert progress["eta_s"] == pytest.approx(50 * 0.2 + 50 * 0.5)
    assert progress["eta_low_s"] == pytest.approx(35 / 1.2, abs=0.1)
    assert progress["eta_high_s"] == pytest.approx(35 * 1.2)
    assert progress["eta_at"] == "2027-01-15T08:00:35Z"
