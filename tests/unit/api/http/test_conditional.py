"""ETags made from a glance are those made from the whole, at every turn of a job."""

from __future__ import annotations

import pytest

from api.job_view.etag import JobETag, job_etag
from api.job_view.serializer import poll_seconds, serialize_job
from shared.jobs.actions import cancel, pause, resume
from shared.jobs.checkpoints import add_warning, record_checkpoint
from shared.jobs.lease import WrittenBlob, stop_job
from shared.jobs.steering import JobChange, begin_segments, update_job
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.maintenance.rescue import mark_notified, wake_backed_off_jobs
from shared.params.segments import Changes
from shared.queries.jobs import get_job
from shared.queries.listing import query_jobs

OWNER = LOCAL_OWNER_ID


class Turns:
    """Checks a job from the outside and from within after each turn of its life."""

    def __init__(self, api, job_id):
        self.api, self.job_id = api, job_id
        self.url, self.marks = f"/v1/jobs/{job_id}", []

    def check(self, *, news=True):
        job = serialize_job(self.api.db, get_job(self.api.db, OWNER, self.job_id))
        response = self.api.client.get(self.url)
        mark = job_etag(job)
        assert response.get_etag() == (str(mark), True)
        assert response.text == job.model_dump_json()  # though texts are kept
        seconds = response.headers.get("Retry-After")
        assert seconds == (None if (s := poll_seconds(job)) is None else str(s))
        seen = {"If-None-Match": response.headers["ETag"]}
        again = self.api.client.get(self.url, headers=seen)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers.get("Retry-After") == seconds
        assert (mark not in self.marks) is news
        self.marks.append(mark)


@pytest.fixture
def turns(api, clock):
    api.submitted()
    clock.advance(1)
    return Turns(api, api.submitted(max_edge=512))


def wait_in_line(api, turns, clock):
    first = query_jobs(api.db, OWNER, 10)[-1].id
    turns.check()
    api.worker()
    turns.check()  # somebody could run it now
    clock.advance(60)
    mark_notified(api.db, first)  # any commit, for the clock is none
    turns.check(news=False)  # that worker is gone; told before
    cancel(api.db, OWNER, first)
    turns.check()  # its place in line


def run_and_show(api, turns):
    claim = api.claimed()
    turns.check()
    api.beat(claim, scale=0, scale_iteration=0)
    turns.check()
    api.beat(claim, scale=2, scale_iteration=30)
    turns.check()
    api.beat(claim, scale=2, scale_iteration=30, elapsed_seconds=70.0)
    turns.check(news=False)  # below a percent
    api.frame(claim, 100)
    turns.check()
    key = f"checkpoints/{claim.job_id}/1-100"
    record_checkpoint(api.db, claim, 100, WrittenBlob(key, "ab" * 32, 5), 1)
    turns.check()
    add_warning(api.db, claim, "computed_in_tiles", "in tiles")
    turns.check()
    return claim


def be_steered_and_paused(api, turns, claim):
    wanted = JobChange(params=Changes(style_weight=3.0))
    update_job(api.db, OWNER, claim.job_id, wanted)
    turns.check()
    begin_segments(api.db, claim, 120)
    turns.check()
    pause(api.db, OWNER, claim.job_id)
    turns.check()
    stop_job(api.db, claim)
    turns.check()
    resume(api.db, OWNER, claim.job_id)
    turns.check()


def fail_and_succeed(api, turns, clock):
    again = api.claimed("again")
    turns.check()
    api.fail(again, retryable=True)
    turns.check()
    clock.advance(3600)
    wake_backed_off_jobs(api.db)
    turns.check()
    last = api.claimed("last")
    api.beat(last)
    api.finish(last)
    turns.check()


def test_the_whole_life_of_a_job(api, turns, clock):
    wait_in_line(api, turns, clock)
    api.worker()
    claim = run_and_show(api, turns)
    be_steered_and_paused(api, turns, claim)
    fail_and_succeed(api, turns, clock)


def test_an_etag_that_comes_back_says_what_was_seen():
    mark = JobETag(17, 42, "0123456789abcdef")

    assert JobETag.parse(str(mark)) == mark


@pytest.mark.parametrize(
    "etag", ["", "x", "17.42", "17.42.xyz", "-1.2.0123456789abcdef"]
)
def test_an_etag_of_others_says_nothing(etag):
    assert JobETag.parse(etag) is None


def test_far_back_in_line_a_step_is_no_news(api, clock):
    ids = []
    for _ in range(14):
        ids.append(api.submitted())
        clock.advance(1)
    urls = [f"/v1/jobs/{job_id}" for job_id in (ids[5], ids[-1])]

    def etags():
        return [api.client.get(url).headers["ETag"] for url in urls]

    before = etags()
    cancel(api.db, OWNER, ids[0])
    after = etags()

    assert before[0] != after[0]  # the sixth knows of every step
    assert before[1] == after[1]  # the fourteenth, of tens
