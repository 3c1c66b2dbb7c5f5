from __future__ import annotations

import pytest

from shared.jobs.lease import release_job, renew_lease
from tests.support.job_rows import checkpoint


def test_a_queued_job_says_where_it_stands(api, clock):
    first = api.submitted()
    clock.advance(1)
    second = api.submitted()
    api.worker()

    places = [
        api.client.get(f"/v1/jobs/{one}").json["queue"] for one in (first, second)
    ]

    waiting = "waiting_for_worker"
    assert [place["position"] for place in places] == [1, 2]
    assert [place["ahead"] for place in places] == [0, 1]
    assert {place["reason"] for place in places} == {waiting}
    assert {place["starts_in_s"] for place in places} == {None}  # nothing was measured


def test_a_job_that_no_live_worker_can_hold_says_so(api):
    job_id = api.submitted()

    def reason():
        return api.client.get(f"/v1/jobs/{job_id}").json["queue"]["reason"]

    assert reason() == "no_capable_worker_alive"
    api.worker(device_bytes=1000)
    assert reason() == "no_capable_worker_alive"
    api.worker()
    assert reason() == "waiting_for_worker"


def test_what_a_job_waits_for_is_looked_at_anew_though_nobody_wrote(api, clock):
    url = f"/v1/jobs/{api.submitted()}"
    api.worker()
    before = api.client.get(url)
    assert before.json["queue"]["reason"] == "waiting_for_worker"

    clock.advance(600)  # and the worker has said nothing
    after = api.client.get(url)

    assert after.json["queue"]["reason"] == "no_capable_worker_alive"
    assert after.headers["ETag"] == before.headers["ETag"]


def test_a_running_job_shows_its_progress_by_work_not_by_iterations(api):
    job_id = api.submitted(max_edge=512)  # 128 x 100, 256 x 60, 512 x 50
    claim = api.claimed()
    api.worker()
    api.beat(claim)

    job = api.client.get(f"/v1/jobs/{job_id}").json

    progress = job["progress"]
    done = 128**2 * 100 + 256**2 * 10
    total = 128**2 * 100 + 256**2 * 60 + 512**2 * 50
    assert progress["fraction"] == pytest.approx(done / total, abs=1e-4)
    assert progress["scale"] == {"index": 1, "count": 3, "width": 256, "height": 128}
    assert (progress["iteration"], progress["iterations"]) == (110, 210)
    # 50 more at 256 x 128 and 50 at 512 x 256, at 2 s per megapixel and iteration
    left = 2.0 * (50 * 256 * 128 + 50 * 512 * 256) / 1e6
    assert progress["eta_s"] == pytest.approx(left, abs=0.1)
    assert progress["it_per_s"] == pytest.approx(1e6 / (2.0 * 256 * 128), rel=1e-3)
    assert progress["losses"]["style"] == 0.5
    assert progress["updated_at"] == "2027-01-15T08:00:00Z"
    assert job["queue"] is None
    assert job["worker"] == {"id": "wkr_1", "device": "cpu", "name": "A CPU"}
    assert (job["state"], job["attempts"], job["fence"]) == ("running", 1, 1)


def test_a_job_that_waits_to_go_on_keeps_the_progress_that_its_checkpoint_has(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.beat(claim)
    before = api.client.get(f"/v1/jobs/{job_id}").json["progress"]
    checkpoint(api.db, claim, 110)
    release_job(api.db, claim)

    waiting = api.client.get(f"/v1/jobs/{job_id}").json["progress"]

    assert (waiting["phase"], waiting["eta_s"]) == ("waiting", None)
    assert waiting["fraction"] == before["fraction"] > 0
    assert waiting["iteration"] == before["iteration"] == 110


def test_a_job_that_lost_iterations_does_not_boast_of_them(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.beat(claim)
    checkpoint(api.db, claim, 100)
    release_job(api.db, claim)

    assert api.client.get(f"/v1/jobs/{job_id}").json["progress"] is None


def test_progress_without_a_measured_pace_has_no_time_left(api):
    job_id = api.submitted()
    api.beat(api.claimed(), seconds_per_mpx_iteration=None)

    progress = api.client.get(f"/v1/jobs/{job_id}").json["progress"]

    assert progress["eta_s"] is None
    assert progress["it_per_s"] is None


def test_the_first_word_of_a_worker_may_be_short(api):
    job_id = api.submitted()
    renew_lease(api.db, api.claimed(), 1000, 0, {"phase": "loading"})

    progress = api.client.get(f"/v1/jobs/{job_id}").json["progress"]
    assert (progress["phase"], progress["fraction"]) == ("loading", 0)


def test_a_loss_that_is_no_number_is_null_in_json(api):
    job_id = api.submitted()
    api.beat(api.claimed(), losses={"total": float("nan")})

    assert api.client.get(f"/v1/jobs/{job_id}").json["progress"]["losses"] == {
        "total": None
    }


def test_a_finished_job_has_its_output_and_nothing_to_wait_for(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.beat(claim)
    digest = api.finish(claim, b"png")

    response = api.client.get(f"/v1/jobs/{job_id}")

    job = response.json
    assert "Retry-After" not in response.headers
    assert job["state"] == "succeeded"
    assert job["outputs"] == [
        {"name": "result.png", "url": f"/v1/jobs/{job_id}/result",
         "media_type": "image/png", "width": 512, "height": 341, "bytes": 3,
         "sha256": digest}
    ]  # fmt: skip
    assert job["progress"]["fraction"] == 1
    assert job["progress"]["eta_s"] is None
    assert job["exact"] is True
    assert job["finished_at"].endswith("Z")


def test_a_failed_job_says_why_and_what_to_do(api):
    job_id = api.submitted()
    api.fail(api.claimed())

    job = api.client.get(f"/v1/jobs/{job_id}").json

    assert job["state"] == "failed"
    assert job["error"] == {"code": "diverged", "message": "no finite loss",
                            "hint": "lower it", "retryable": False,
                            "iteration": 0, "attempt": 1}  # fmt: skip


def test_a_job_that_is_tried_again_says_that_it_backs_off(api):
    job_id = api.submitted()
    api.fail(api.claimed(), retryable=True)

    job = api.client.get(f"/v1/jobs/{job_id}").json

    assert (job["state"], job["queue"]["reason"]) == ("queued", "backing_off")


@pytest.mark.parametrize(
    "job_id", ["job_01JNOSUCHJOB", "x", "job_%00", "job_'--", "j" * 5000, "jöb"]
)
def test_an_unknown_job_is_404(client, job_id):
    response = client.get(f"/v1/jobs/{job_id}")

    assert response.status_code == 404
    assert response.json["code"] == "not-found"


def test_what_has_not_changed_is_304(api):
    url = f"/v1/jobs/{api.submitted()}"
    etag = api.client.get(url).headers["ETag"]

    again = api.client.get(url, headers={"If-None-Match": etag})

    assert again.status_code == 304
    assert again.data == b""
    assert again.headers["ETag"] == etag
    assert again.headers["Retry-After"]
    assert api.client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_progress_below_a_percent_is_no_news_but_a_percent_is(api):
    url = f"/v1/jobs/{api.submitted()}"
    claim = api.claimed()

    def etag(**progress):
        api.beat(claim, **progress)
        return api.client.get(url).headers["ETag"]

    first = etag(scale=2, scale_iteration=10, iteration=0)
    assert etag(scale=2, scale_iteration=11, iteration=0) == first
    percent = -(-api.client.get(url).json["progress"]["iterations"] // 100)
    assert etag(scale=2, scale_iteration=12, iteration=percent) != first


def test_a_change_of_state_is_news(api):
    job_id = api.submitted()
    before = api.client.get(f"/v1/jobs/{job_id}").headers["ETag"]
    api.claimed()

    assert api.client.get(f"/v1/jobs/{job_id}").headers["ETag"] != before


def test_retry_after_follows_the_time_left_within_its_bounds(api, clock):
    url = f"/v1/jobs/{api.submitted()}"
    claim = api.claimed()

    def seconds(pace):
        clock.advance(1)
        api.beat(claim, seconds_per_mpx_iteration=pace)
        return int(api.client.get(url).headers["Retry-After"])

    assert seconds(0.0001) == 1
    assert 1 < seconds(20) < 30
    assert seconds(10_000) == 30


@pytest.mark.parametrize("action", ["pause", "cancel", "finish"])
def test_a_worker_that_has_to_obey_is_asked_about_in_a_second(api, action):
    url = f"/v1/jobs/{api.submitted()}"
    api.beat(api.claimed(), seconds_per_mpx_iteration=20)
    assert int(api.client.get(url).headers["Retry-After"]) > 5

    accepted = api.client.post(f"{url}/{action}")
    polled = api.client.get(url)
    unchanged = api.client.get(url, headers={"If-None-Match": polled.headers["ETag"]})

    statuses = [one.status_code for one in (accepted, polled, unchanged)]
    assert statuses == [202, 200, 304]
    for answer in (accepted, polled, unchanged):
        assert answer.headers["Retry-After"] == "1"
