"""Streams and held requests end with their key: revoked here, elsewhere, or expired."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import httpx2
import pytest

from api.watch.watcher import KEY_CHECK_SECONDS
from shared.auth.api_keys import NewKey, Scope, delete_key, issue_key
from shared.jobs.actions import cancel
from tests.support.api_process import until, wait_for
from tests.support.job_rows import submit

OWNER = "own_a"
# The next look at keys, one at news, and a busy machine.
SOON = KEY_CHECK_SECONDS + 5


@pytest.fixture
def keyed(serve):
    return serve(auth="keys", stream_seconds=25)  # without them, a test would hang


def make_key(db, **about):
    scopes = frozenset({Scope.READ, Scope.KEYS})
    new = NewKey(owner_id=OWNER, scopes=scopes, **about)
    key, token = issue_key(db, new)
    return key.id, {"Authorization": f"Bearer {token}"}


class Held:
    """A request on a thread of its own."""

    def __init__(self, server, path, headers):
        self._ask = server.url + path, {**headers, "Prefer": "wait=60"}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        url, headers = self._ask
        self._response = httpx2.get(url, headers=headers, timeout=90)

    def answer(self):
        self._thread.join(SOON)
        assert not self._thread.is_alive()
        return self._response


def is_refusal(event):
    name, event_id, problem = event
    return (name, event_id, problem["code"], problem["status"]) == (
        *("problem", None),
        *("unauthenticated", 401),
    )


def test_a_key_that_is_revoked_elsewhere_ends_what_waits_with_it_and_nothing_else(
    keyed, live_db
):
    _, staying = make_key(live_db)
    key_id, going = make_key(live_db)
    job_id = submit(live_db, OWNER)
    url = f"/v1/jobs/{job_id}"

    with ExitStack() as opened:
        one, all_of_them, other = (
            opened.enter_context(keyed.stream(path, **headers))
            for path, headers in (
                (f"{url}/events", going),
                ("/v1/events", going),
                ("/v1/events", staying),
            )
        )
        for stream in (one, all_of_them, other):
            until(stream, "snapshot")
        held = Held(keyed, f"{url}?until=terminal", going)
        wait_for(lambda: keyed.get("/livez").is_success)
        began = time.monotonic()
        delete_key(live_db, key_id)
        for stream in (one, all_of_them):
            assert is_refusal(until(stream, "problem")[-1])
            assert list(stream) == []  # the server has closed it
        refused = held.answer()
        took = time.monotonic() - began
        cancel(live_db, OWNER, job_id)
        assert until(other, "end")[-1][2]["job_id"] == job_id

    assert took < SOON
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"]
    assert keyed.get(url, **going).status_code == 401


def test_a_key_that_is_revoked_here_ends_them_at_once(keyed, live_db):
    _, mine = make_key(live_db)
    key_id, going = make_key(live_db)
    with keyed.stream("/v1/events", **going) as stream:
        submit(live_db, OWNER)
        until(stream, "state")

        began = time.monotonic()
        gone = keyed.client.delete(f"/v1/keys/{key_id}", headers=mine)
        assert is_refusal(until(stream, "problem")[-1])
        took = time.monotonic() - began

    assert gone.status_code == 204
    assert took < KEY_CHECK_SECONDS / 2


def test_a_key_that_expires_ends_what_waits_with_it(keyed, live_db):
    job_id = submit(live_db, OWNER)
    _, brief = make_key(live_db, expires_in_seconds=2)

    with keyed.stream(f"/v1/jobs/{job_id}/events", **brief) as stream:
        held = Held(keyed, f"/v1/jobs/{job_id}?until=terminal", brief)
        began = time.monotonic()
        assert is_refusal(until(stream, "problem")[-1])
        assert held.answer().status_code == 401

    assert time.monotonic() - began < 2 + SOON
