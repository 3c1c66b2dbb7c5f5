"""Any order of claims, writes, losses and cancels: a model says what must come out.

Workers here never forget a claim: they write with all they ever had, as a frozen
process does that comes back. Time is the test's.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from shared import jobs
from shared.columns import Base
from shared.db import Database
from shared.errors import FencedOut, InvalidState
from shared.models import Job, JobEvent, Owner
from shared.states import EVENTS, HELD, TERMINAL, VERBS, JobState
from tests.job_rows import BROKEN, DEVICE, HOPELESS, LEASE, checkpoint, result, submit

OWNERS = ("own_a", "own_b")
EXAMPLES = int(os.environ.get("IMPASTO_TEST_EXAMPLES", "25"))
STEPS = 40


class JobMachine(RuleBasedStateMachine):
    """Jobs of two owners, and every claim that was ever given."""

    url: str
    clock: object

    def __init__(self):
        super().__init__()
        self.db = Database(self.url, self.clock)
        _empty(self.db)
        self.jobs, self.claims = [], []
        self.holder = {}  # job id -> the claim that holds it, by the model
        self.ended = {}  # job id -> (state, result key), never to change again
        self.fences = {}
        self.progressed = {}

    def teardown(self):
        self.db.close()

    @rule(owner=st.sampled_from(OWNERS), priority=st.integers(-1, 1))
    def submit(self, owner, priority):
        self.clock.advance(0.01)
        self.jobs.append(submit(self.db, owner, priority=priority))

    @rule()
    def claim(self):
        nonce = f"n{len(self.claims)}"
        claimed = jobs.claim(self.db, DEVICE, nonce, LEASE)
        due = [job for job in self._rows() if job.ready_key is not None]
        if claimed is None:
            assert not due
            return
        assert claimed.job_id not in self.holder
        assert claimed.job_id not in self.ended
        assert jobs.claim(self.db, DEVICE, nonce, LEASE) == claimed
        self.claims.append(claimed)
        self.holder[claimed.job_id] = claimed
        self.progressed[claimed.job_id] = False

    @precondition(lambda self: self.claims)
    @rule(pick=st.integers(0, 10**6), write=st.sampled_from(sorted(
        ["heartbeat", "checkpoint", "complete", "release", "retry", "fail", "stopped",
         "postpone"]
    )))  # fmt: skip
    def write(self, pick, write):
        """Let any claim, however old, write anything."""
        claimed = self.claims[pick % len(self.claims)]
        job_id = claimed.job_id
        holds = self.holder.get(job_id) == claimed
        before = self._row(job_id)
        if write == "stopped" and before.state == JobState.RUNNING and holds:
            return  # nobody asked: the runner never says it
        if write == "complete" and self._completed(claimed, before):
            assert self._do(claimed, write) == JobState.SUCCEEDED
            return
        if not holds:
            with pytest.raises(FencedOut):
                self._do(claimed, write)
            assert _columns(self._row(job_id)) == _columns(before)
            return
        self._do(claimed, write)
        self._follow(claimed, write, before)

    @precondition(lambda self: self.jobs)
    @rule(pick=st.integers(0, 10**6))
    def cancel(self, pick):
        job = self._row(self.jobs[pick % len(self.jobs)])
        if job.state not in VERBS["cancel"]:
            with pytest.raises(InvalidState):
                jobs.cancel(self.db, job.owner_id, job.id)
            return
        answer = jobs.cancel(self.db, job.owner_id, job.id)
        assert answer.state == self._row(job.id).state
        self._note_end(job.id)

    @rule(seconds=st.sampled_from([1.0, LEASE / 2, LEASE + 1, 700.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def reap(self):
        late = {
            job.id
            for job in self._rows()
            if job.state in HELD and job.lease_until < self.clock.now
        }
        assert {job_id for job_id, _ in jobs.reap(self.db)} == late
        self._lose(late)

    @precondition(lambda self: self.holder)
    @rule()
    def expire_and_steal(self):
        """The dangerous prefix as one step: lost, reaped, claimed by another."""
        self.clock.advance(LEASE + 1)
        self._lose({job_id for job_id, _ in jobs.reap(self.db)})
        self.claim()

    @rule()
    def wake(self):
        jobs.wake(self.db)
        waiting = [
            job
            for job in self._rows()
            if job.state == JobState.QUEUED and job.ready_key is None
        ]
        assert all(job.run_after > self.clock.now for job in waiting)

    @invariant()
    def the_rows_are_as_the_model_says(self):
        for job in self._rows():
            assert (job.state in HELD) == (job.id in self.holder)
            assert (job.state in TERMINAL) == (job.id in self.ended)
            assert job.fence >= self.fences.get(job.id, 0)
            assert 0 <= job.attempts <= job.max_attempts
            self.fences[job.id] = job.fence
            if job.id in self.ended:
                assert (job.state, job.result_key) == self.ended[job.id]
            if job.id in self.holder:
                assert job.fence == self.holder[job.id].fence

    @invariant()
    def the_owners_counts_are_true(self):
        with self.db.read() as session:
            owners = session.scalars(select(Owner)).all()
        rows = self._rows()
        for owner in owners:
            mine = [job.state for job in rows if job.owner_id == owner.id]
            assert owner.queued == mine.count(JobState.QUEUED)
            assert owner.running == sum(state in HELD for state in mine)

    @invariant()
    def every_event_is_a_move_of_the_tables(self):
        with self.db.read() as session:
            rows = session.execute(
                select(JobEvent.job_id, JobEvent.event, JobEvent.from_state,
                       JobEvent.state).order_by(JobEvent.seq)
            ).all()  # fmt: skip
        last = {}
        for job_id, event, was, state in rows:
            assert was == last.get(job_id)
            last[job_id] = state
            if event == "cancel":
                assert VERBS["cancel"][JobState(was)].state == state
            elif event != "submit":
                assert EVENTS[event][JobState(was)] == state

    def _do(self, claimed, write):
        return {
            "heartbeat": lambda: jobs.heartbeat(self.db, claimed, LEASE, 1, {}),
            "checkpoint": lambda: checkpoint(self.db, claimed, claimed.fence * 10),
            "complete": lambda: jobs.complete(self.db, claimed, result(claimed)),
            "release": lambda: jobs.release(self.db, claimed),
            "retry": lambda: jobs.fail(self.db, claimed, BROKEN, 10),
            "fail": lambda: jobs.fail(self.db, claimed, HOPELESS, 10),
            "postpone": lambda: jobs.postpone(self.db, claimed, BROKEN, 30),
            "stopped": lambda: jobs.stopped(self.db, claimed),
        }[write]()

    def _follow(self, claimed, write, before):
        job_id = claimed.job_id
        if write == "checkpoint":
            self.progressed[job_id] = True
        if write in {"heartbeat", "checkpoint"}:
            return
        del self.holder[job_id]
        state = self._row(job_id).state
        if before.state == JobState.CANCELING:
            assert state == JobState.CANCELED
        elif write == "complete":
            assert state == JobState.SUCCEEDED
        elif write == "fail":
            assert state == JobState.FAILED
        elif write in {"release", "postpone"}:
            assert state == JobState.QUEUED
        self._note_end(job_id)

    def _lose(self, lost):
        for job_id in lost:
            del self.holder[job_id]
            if self.progressed[job_id]:
                assert self._row(job_id).state != JobState.FAILED
            self._note_end(job_id)

    def _note_end(self, job_id):
        job = self._row(job_id)
        if job.state in TERMINAL:
            self.ended[job_id] = (job.state, job.result_key)

    def _completed(self, claimed, row):
        return row.state == JobState.SUCCEEDED and row.fence == claimed.fence

    def _row(self, job_id):
        with self.db.read() as session:
            return session.get(Job, job_id)

    def _rows(self):
        with self.db.read() as session:
            return session.scalars(select(Job).order_by(Job.id)).all()


class OneJobMachine(JobMachine):
    """The same with a single job: shallow, so that rare orders are reached."""

    @initialize()
    def one(self):
        self.jobs.append(submit(self.db, "own_a"))

    @precondition(lambda self: False)
    @rule()
    def submit(self):
        """No second job."""


def _columns(job):
    return {column.key: getattr(job, column.key) for column in Job.__table__.columns}


def _empty(db):
    with db.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())


@pytest.mark.parametrize("machine", [JobMachine, OneJobMachine])
def test_whatever_happens_every_row_is_as_the_model_says(database_url, clock, machine):
    class Here(machine):
        url = database_url

    Here.clock = clock
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
