"""Streams and held requests end with their key: revoked elsewhere, or expired."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import httpx2
import pytest

from shared.auth.api_keys import NewKey, Scope, delete_key, issue_key
from shared.jobs.actions import cancel
from tests.integration.conftest import STREAM_SECONDS
from tests.support.api_process import until
from tests.support.job_rows import submit

pytestmark = pytest.mark.parametrize("tenant", ["postgresql"], indirect=True)


def make_key(tenant, **about):
    new = NewKey(owner_id=tenant.owner_id, scopes=frozenset({Scope.READ}), **about)
    key, token = issue_key(tenant.db, new)
    return key.id, {"Authorization": f"Bearer {token}"}


class Held:
    """A request on a thread of its own."""

    def __init__(self, server, path, headers):
        self._ask = server.url + path, {**headers, "Prefer": f"wait={STREAM_SECONDS}"}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        url, headers = self._ask
        self._response = httpx2.get(url, headers=headers, timeout=90)

    def answer(self):
        self._thread.join()
        return self._response


def is_refusal(event):
    name, event_id, problem = event
    return (name, event_id, problem["code"], problem["status"]) == (
        *("problem", None),
        *("unauthenticated", 401),
    )


def test_a_key_that_is_revoked_elsewhere_ends_what_waits_with_it_and_nothing_else(
    tenant,
):
    _, staying = make_key(tenant)
    key_id, going = make_key(tenant)
    job_id = submit(tenant.db, tenant.owner_id)
    url = f"/v1/jobs/{job_id}"

    with ExitStack() as opened:
        one, all_of_them, other = (
            opened.enter_context(tenant.server.stream(path, **headers))
            for path, headers in (
                (f"{url}/events", going),
                ("/v1/events", going),
                ("/v1/events", staying),
            )
        )
        for stream in (one, all_of_them, other):
            until(stream, "snapshot")
        held = Held(tenant.server, f"{url}?until=terminal", going)
        delete_key(tenant.db, key_id)
        for stream in (one, all_of_them):
            assert is_refusal(until(stream, "problem")[-1])
            assert list(stream) == []  # the server has closed it
        refused = held.answer()
        cancel(tenant.db, tenant.owner_id, job_id)
        assert until(other, "end")[-1][2]["job_id"] == job_id

    # With a valid key a wait ends with 200 or 304, and a stream without a problem.
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"]
    assert tenant.server.get(url, **going).status_code == 401


def test_a_key_that_expires_ends_what_waits_with_it(tenant):
    job_id = submit(tenant.db, tenant.owner_id)
    _, brief = make_key(tenant, expires_in_seconds=2)

    with tenant.server.stream(f"/v1/jobs/{job_id}/events", **brief) as stream:
        held = Held(tenant.server, f"/v1/jobs/{job_id}?until=terminal", brief)
        assert is_refusal(until(stream, "problem")[-1])
        assert held.answer().status_code == 401
