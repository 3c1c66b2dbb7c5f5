"""Held requests: what wakes them, what does not, and what they answer in the end."""

from __future__ import annotations

import threading
import time

import pytest

from shared.jobs.actions import pause
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.maintenance.rescue import wake_backed_off_jobs

OWNER = LOCAL_OWNER_ID


@pytest.fixture
def running(api):
    """(url, claim) of a job at 20 % or so, of which 0.6 % is an iteration."""
    url = f"/v1/jobs/{api.submitted(max_edge=512)}"
    claim = api.claimed()
    api.beat(claim, scale=2, scale_iteration=5)
    return url, claim


class Held:
    """A request on a thread of its own."""

    def __init__(self, api, url, wait, etag=None):
        headers = {"Prefer": f"wait={wait}"}
        if etag is not None:
            headers["If-None-Match"] = etag
        self._client, self._ask = api.app.test_client(), (url, headers)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        began = time.monotonic()
        self.response = self._client.get(self._ask[0], headers=self._ask[1])
        self.seconds = time.monotonic() - began

    @property
    def waits(self):
        self._thread.join(0.6)  # three looks of the poller
        return self._thread.is_alive()

    def answer(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.response


def etag_of(api, url):
    return api.client.get(url).headers["ETag"]


def test_a_new_revision_ends_a_wait(api, running):
    url, _ = running
    held = Held(api, url, 20, etag_of(api, url))
    assert held.waits

    pause(api.db, OWNER, url.rpartition("/")[2])

    response = held.answer()
    assert (response.status_code, response.json["state"]) == (200, "pausing")
    assert response.headers["Preference-Applied"] == "wait=20"
    assert held.seconds < 10


def test_progress_below_a_percent_does_not_end_a_wait_and_a_percent_does(api, running):
    url, claim = running
    api.beat(claim, iteration=200)
    before = api.client.get(url)
    percent = before.json["progress"]["iterations"] / 100
    held = Held(api, url, 20, before.headers["ETag"])

    api.beat(claim, iteration=200, elapsed_seconds=70.0)
    assert held.waits
    api.beat(claim, iteration=round(200 + percent))

    response = held.answer()
    assert response.status_code == 200
    assert response.json["version"] == before.json["version"] + 1


def test_a_wait_that_sees_nothing_new_ends_with_304(api, running):
    url, _ = running
    etag = etag_of(api, url)

    held = Held(api, url, 1, etag)

    response = held.answer()
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == etag
    assert response.headers["Preference-Applied"] == "wait=1"
    assert held.seconds >= 0.95


def test_who_has_seen_nothing_or_something_else_is_answered_at_once(api, running):
    url, _ = running
    old = etag_of(api, url)
    pause(api.db, OWNER, url.rpartition("/")[2])

    for etag in (None, old, '"something"'):
        held = Held(api, url, 20, etag)
        assert held.answer().status_code == 200
        assert held.seconds < 5


def test_empty_and_foreign_etags_are_those_of_something_else(api, running):
    url, _claim = running

    answer = api.client.get(
        url, headers={"Prefer": "wait=5", "If-None-Match": '"", W/"", "Jnf.t"'}
    )

    assert answer.status_code == 200


def test_until_terminal_sleeps_over_everything_but_the_end(api, running):
    url, claim = running
    held = Held(api, f"{url}?until=terminal", 20)

    api.beat(claim, scale=2, scale_iteration=40)
    pause(api.db, OWNER, claim.job_id)
    assert held.waits
    api.finish(claim)

    response = held.answer()
    assert (response.status_code, response.json["state"]) == (200, "succeeded")
    assert "Retry-After" not in response.headers


def test_a_job_that_is_over_is_not_waited_for(api, running):
    url, claim = running
    api.finish(claim)
    etag = etag_of(api, url)

    for address in (url, f"{url}?until=terminal"):
        held = Held(api, address, 20, etag)
        assert held.answer().status_code == 304
        assert held.seconds < 5


def test_a_version_that_no_line_of_the_log_tells_of_ends_a_wait(api, clock):
    job_id = api.submitted()
    api.fail(api.claimed(), retryable=True)
    url = f"/v1/jobs/{job_id}"
    held = Held(api, url, 20, etag_of(api, url))
    assert held.waits

    clock.advance(3600)
    wake_backed_off_jobs(api.db)

    assert held.answer().json["queue"]["reason"] != "backing_off"


def test_a_submission_can_wait_for_its_end(api):
    def work():
        while not api.notifier.notified:
            time.sleep(0.02)
        api.finish(api.claimed())

    worker = threading.Thread(target=work)
    worker.start()

    response = api.submit(headers={"Prefer": "wait=20"})

    worker.join()
    assert (response.status_code, response.json["state"]) == (200, "succeeded")
    assert response.headers["Preference-Applied"] == "wait=20"


def test_a_submission_that_takes_longer_is_accepted_as_ever(api):
    response = api.submit(headers={"Prefer": "wait=1"})

    assert (response.status_code, response.json["state"]) == (202, "queued")
    assert response.headers["Preference-Applied"] == "wait=1"
    assert response.headers["Location"]


def test_a_wait_ends_at_once_when_the_process_does(api, running):
    url, _ = running
    held = Held(api, url, 20, etag_of(api, url))
    assert held.waits

    api.dependencies.watcher.close()

    assert held.answer().status_code == 304
    assert held.seconds < 10


def test_all_who_wait_are_served_by_one_thread_which_rests_when_they_are_gone(
    api, running
):
    url, claim = running
    etag = etag_of(api, url)
    held = [Held(api, url, 20, etag) for _ in range(12)]
    assert all(one.waits for one in held[:1])

    def watchers():
        return [one for one in threading.enumerate() if one.name == "watcher"]

    assert len(watchers()) == 1
    api.finish(claim)
    assert {one.answer().status_code for one in held} == {200}
    again = Held(api, f"{url}?until=terminal", 20)
    assert again.answer().status_code == 200
    assert len(watchers()) == 1
