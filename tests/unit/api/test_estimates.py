"""Estimates, times of waiting jobs, and how good they are."""

from __future__ import annotations

import io
import json

import pytest
from pydantic import TypeAdapter

from api.estimate_schemas import Estimate
from shared import jobs
from shared.pacing import Span, Step

SETUP, METHOD = "cpu, a cpu", "vgg16 lbfgs gram relu5_1"
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
    each = [jobs.Measured(Step.ITERATION, m, SECONDS_PER_MPX * m) for m in sizes]
    jobs.learn(api.db, SETUP, METHOD, each)


def queue(api, job_id):
    return api.client.get(f"/v1/jobs/{job_id}").json["queue"]


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
    assert api.bell.rung == []


def test_an_estimate_waits_behind_the_jobs_in_line(api, estimate, measured, clock):
    api.worker(setup=SETUP)
    first = api.submitted(max_edge=128)
    clock.advance(1)

    said = estimate(max_edge=128).json["queue"]

    assert (said["position"], said["ahead"]) == (2, 1)
    assert said["starts_in_s"] > 5
    assert queue(api, first)["starts_in_s"] == 0


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


def test_an_estimate_is_checked_as_a_job_is(estimate):
    wrong = estimate(max_edge=9)
    missing = estimate(files=("content",))

    assert wrong.status_code == missing.status_code == 422
    assert wrong.json["errors"][0]["pointer"] == "/params/max_edge"
    assert missing.json["errors"][0]["pointer"] == "/style"


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
    assert told["confidence"] in {"low", "medium", "high"}
    assert told["reason"] == "waiting_for_worker"


def test_reasons_tell_why_a_job_waits(api, clock):
    from sqlalchemy import update

    from shared.jobs.draining import drain_worker
    from shared.models import Owner

    job_id = api.submitted()
    assert queue(api, job_id)["reason"] == "no_capable_worker_alive"
    api.worker()
    assert queue(api, job_id)["reason"] == "waiting_for_worker"
    with api.db.write() as session:
        session.execute(update(Owner).values(max_running=0))
    assert queue(api, job_id)["reason"] == "quota"
    drain_worker(api.db, "wkr_1", draining=True)
    assert queue(api, job_id)["reason"] == "queue_paused"


def test_times_that_pass_make_no_new_etag(api, measured, clock):
    api.worker(setup=SETUP)
    job_id = api.submitted()
    first = api.client.get(f"/v1/jobs/{job_id}")
    jobs.learn(api.db, SETUP, METHOD, [jobs.Measured(Step.ITERATION, 0.03, 9.0)])

    again = api.client.get(f"/v1/jobs/{job_id}")

    assert again.json["queue"]["finishes_at"] > first.json["queue"]["finishes_at"]
    assert again.get_etag() == first.get_etag()


def test_a_running_job_tells_a_range(api):
    job_id = api.submitted(max_edge=512)
    costs = [[0.1, 0.1], [0.2, 0.2], [0.5, 0.5]]
    api.beat(api.claimed(), scale_costs=costs, save_seconds=2.0, deviation=0.1)

    progress = api.client.get(f"/v1/jobs/{job_id}").json["progress"]

    assert progress["eta_s"] == pytest.approx(50 * 0.2 + 50 * 0.5 + 0.5 + 2.0)
    assert progress["eta_low_s"] < progress["eta_s"] < progress["eta_high_s"]
    assert progress["eta_at"] == "2027-01-15T08:00:37.500000Z"


def test_metrics_tell_how_good_foretold_times_are(api):
    for actual in (10.0, 20.0, 8.0):
        told = jobs.Outcome("job_1", Span(10.0, 9.0, 11.0), actual)
        jobs.learn(api.db, SETUP, METHOD, [], told)

    response = api.client.get("/metrics")

    assert response.content_type.startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    assert 'impasto_eta_error_ratio{quantile="0.5"} 0.25' in lines
    assert "impasto_eta_error_ratio_count 3" in lines
    assert "impasto_eta_within_range_ratio 0.333333" in lines


def test_metrics_are_there_before_the_first_job(client):
    assert "impasto_eta_error_ratio_count 0" in client.get("/metrics").text
