"""The client waits for a job of a real server: the end is seen at once."""

from __future__ import annotations

import threading
import time

from impasto.client.client import Client
from shared.jobs.submit import LOCAL_OWNER_ID
from tests.support.job_rows import submit
from tests.support.simulated_worker import beat, claim, complete

OWNER = LOCAL_OWNER_ID


def test_who_watches_sees_progress_as_it_comes_and_the_end_at_once(serve, live_db):
    server, job_id = serve(), submit(live_db, OWNER)
    claimed = claim(live_db)
    ended = []

    def work():
        for done in range(1, 8):
            beat(live_db, claimed, 10 * done)
            time.sleep(1)
        complete(live_db, claimed)
        ended.append(time.monotonic())

    worker = threading.Thread(target=work)
    with Client(server.url) as client:
        worker.start()
        seen = list(client.jobs.watch(job_id))
        late = time.monotonic() - ended[0]
    worker.join()

    assert seen[-1].state == "succeeded"
    assert len({job.progress.fraction for job in seen if job.progress}) >= 4
    assert late < 0.8


def test_who_only_waits_for_the_end_hears_of_it_no_later(serve, live_db):
    server, job_id = serve(), submit(live_db, OWNER)
    claimed = claim(live_db)
    beat(live_db, claimed, 1)
    ended = []

    def work():
        time.sleep(1.5)
        complete(live_db, claimed)
        ended.append(time.monotonic())

    worker = threading.Thread(target=work)
    with Client(server.url) as client:
        worker.start()
        assert client.jobs.wait(job_id).state == "succeeded"
        late = time.monotonic() - ended[0]
    worker.join()

    assert late < 0.8
