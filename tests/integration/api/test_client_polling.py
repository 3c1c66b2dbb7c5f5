"""The client waits for a job of a real server: news are seen at once."""

from __future__ import annotations

import threading
from functools import partial

import httpx2
import pytest

from impasto.client.client import Client
from tests.support.job_rows import submit
from tests.support.processes import wait_until
from tests.support.simulated_worker import beat, claim, complete

POLL_SECONDS = 60


class Noting(httpx2.HTTPTransport):
    """Notes of each answer whether the server has held it for news."""

    def __init__(self):
        super().__init__()
        self.was_held = []

    def handle_request(self, request):
        response = super().handle_request(request)
        self.was_held.append("Preference-Applied" in response.headers)
        return response


def open_polls(server):
    """How many streams and long polls the server holds."""
    lines = server.get("/metrics").text.splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("impasto_streams ")]
    return float(value)


@pytest.mark.parametrize("tenant", ["sqlite"], indirect=True)
def test_who_watches_sees_each_step_and_the_end_at_once(tenant):
    """A client that had to wait for its next poll would not have been held."""
    db, job_id = tenant.db, submit(tenant.db, tenant.owner_id)
    claimed = claim(db)
    steps = [partial(beat, db, claimed, 10 * number) for number in (1, 2, 3)]
    steps.append(partial(complete, db, claimed))
    seen, transport = [], Noting()
    wait_until(lambda: open_polls(tenant.server) == 0)  # streams of other tests

    def write_when_held(step):
        wait_until(lambda: open_polls(tenant.server) == 1)
        step()

    with Client(tenant.server.url, tenant.token, transport=transport) as client:
        for job in client.jobs.watch(job_id, longest_pause_seconds=POLL_SECONDS):
            seen.append(job)
            if steps:
                named = {"target": write_when_held, "args": (steps.pop(0),)}
                threading.Thread(**named, daemon=True).start()

    assert transport.was_held[0] is False
    assert all(transport.was_held[1:])
    assert seen[-1].state == "succeeded"
    assert len({job.progress.fraction for job in seen if job.progress}) >= 4
