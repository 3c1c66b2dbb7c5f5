"""/metrics: gauges of the farm from the database, counters of this process."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import FencedOut, OutOfMemory
from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.lease import WrittenBlob, fail_job
from shared.workers.pace_table import PaceMeasurement, record_paces

PACE = "impasto_pace_deviation_ratio"


def samples(client):
    """All values that are served, by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


@pytest.fixture
def grown():
    """Return how much counters have grown since the test began."""

    def read():
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    before = read()
    return lambda *key: read().get(key, 0) - before.get(key, 0)


def test_jobs_are_counted_by_state_and_the_oldest_has_an_age(api, clock):
    api.submitted()
    clock.advance(50)
    api.submitted()
    api.submitted()
    api.claimed()
    clock.advance(10)

    figures = samples(api.client)

    assert figures["impasto_jobs", "queued"] == 2
    assert figures["impasto_jobs", "running"] == 1
    assert figures["impasto_jobs", "paused"] == 0
    assert figures["impasto_oldest_queued_seconds",] == pytest.approx(10)


def test_an_empty_farm_has_all_gauges(client):
    figures = samples(client)

    assert figures["impasto_jobs", "queued"] == 0
    assert figures["impasto_oldest_queued_seconds",] == 0
    assert figures["impasto_queued_work_seconds",] == 0
    assert figures["impasto_workers", "alive"] == 0
    assert figures["impasto_streams",] == 0
    assert figures["impasto_storage_free_bytes",] > 0


def test_the_error_of_estimates_is_told_for_each_kind_of_worker(api):
    setup, method = 'cpu, "b"', "vgg16 lbfgs"
    record_paces(api.db, setup, method, [PaceMeasurement(0.25, 10.0)])

    found = {key: value for key, value in samples(api.client).items() if PACE in key}

    assert list(found.values()) == [0.5]
    assert setup in next(iter(found))


def test_requests_are_counted_by_route_and_status(client, grown):
    client.get("/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    client.get("/nowhere")

    route = "/v1/jobs/<job_id>"
    assert grown("impasto_http_requests_total", *sorted([route, "GET", "404"])) == 1
    assert grown("impasto_http_requests_total", *sorted(["none", "GET", "404"])) == 1
    assert grown("impasto_http_request_seconds_count", route) == 1


def test_methods_that_nobody_knows_are_counted_as_one(client, grown):
    for number in range(3):
        client.open("/livez", method=f"A{number}")

    key = ("impasto_http_requests_total", *sorted(["/livez", "other", "405"]))
    assert grown(*key) + grown(key[0], *sorted(["none", "other", "405"])) == 3


def test_transitions_are_counted_once_they_are_committed(api, grown):
    job_id = api.submitted()
    api.claimed()
    api.client.post(f"/v1/jobs/{job_id}/cancel")
    api.client.post(f"/v1/jobs/{job_id}/resume")  # refused: nothing is written

    name = "impasto_job_transitions_total"
    assert grown(name, "queued", "submit") == 1
    assert grown(name, "claim", "running") == 1
    assert grown(name, "cancel", "canceling") == 1
    assert grown(name, "resume", "running") == 0
    assert grown("impasto_job_wait_seconds_count") == 1


def test_a_new_name_of_a_failed_job_is_no_further_failure(api, grown):
    job_id = api.submitted()
    fail_job(api.db, api.claimed(), OutOfMemory("no"), 0)

    renamed = api.client.patch(f"/v1/jobs/{job_id}", json={"name": "Try"})

    name = "impasto_job_transitions_total"
    assert (renamed.status_code, renamed.json["state"]) == (200, "failed")
    assert grown(name, "fail", "failed") == 1
    assert grown(name, "failed", "steer") == 0


def test_a_checkpoint_is_counted_once_it_is_recorded(api, grown):
    api.submitted()
    claimed = api.claimed()
    blob = WrittenBlob("k", "d", 1)

    record_checkpoint(api.db, claimed, 1, blob, 1)
    with pytest.raises(FencedOut):
        record_checkpoint(api.db, replace(claimed, nonce="other"), 2, blob, 1)

    assert grown("impasto_checkpoints_total") == 1


def test_a_job_that_was_paused_for_days_has_not_waited_for_days(api, clock):
    job_id = api.submitted()
    api.client.post(f"/v1/jobs/{job_id}/pause")
    clock.advance(7 * 86_400)
    api.client.post(f"/v1/jobs/{job_id}/resume")

    assert samples(api.client)["impasto_oldest_queued_seconds",] == 0
