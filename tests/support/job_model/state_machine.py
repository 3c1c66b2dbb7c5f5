"""A model of the life of jobs, and every way to act on one, in any order.

Workers here never forget a claim: they write with all they ever had, as a frozen
process does that comes back. Time is the test's.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shared.auth.api_keys import ensure_owner
from shared.db.models.auth import Owner
from shared.errors import FencedOut, InvalidState, NoSuchCheckpoint
from shared.jobs.actions import cancel, finish, pause, resume
from shared.jobs.claim import claim_job
from shared.jobs.forks import ForkRequest, extend, fork, retry
from shared.jobs.steering import JobChange, update_job
from shared.maintenance.deadlines import cancel_overdue_jobs, expire_jobs
from shared.maintenance.rescue import requeue_expired_leases, wake_backed_off_jobs
from shared.maintenance.unschedulable import fail_unschedulable_jobs
from shared.params.segments import Changes
from shared.states import ACTIONS, EVENTS, LEASED, ActionEffect, JobState
from shared.workers.registry import Registration, register_worker
from tests.support.job_model.invariants import Truths, empty
from tests.support.job_model.worker_writes import (
    KEEPS_THE_CLAIM,
    WRITES,
    checkpoint_iteration,
    checkpoint_key,
    is_its_success,
    led_to,
)
from tests.support.job_rows import DEVICE, LEASE, LIMITS, columns, submit

OWNERS = ("own_a", "own_b")
PAUSED_DAYS = 1
PATIENCE = 60.0
DAY = 86_400.0
PICKS = st.integers(0, 10**6)

ASKS = {"cancel": cancel, "pause": pause, "resume": resume,
        "finish": finish}  # fmt: skip


class JobMachine(RuleBasedStateMachine):
    """Jobs of two owners, and every claim that was ever given.

    Attributes of a derived class: `db`, and the `clock` that it goes by.
    """

    def __init__(self):
        super().__init__()
        empty(self.db)
        self.truths = Truths(self.db, self.clock)
        self.jobs, self.claims = [], []
        self.progressed = {}

    @initialize()
    def one_owner_runs_one_job_at_a_time(self):
        ensure_owner(self.db, "own_b")
        with self.db.write() as session:
            session.get(Owner, "own_b").max_running = 1
        place = ("box", "dev", DEVICE.device_class, "", DEVICE.bytes, {})
        register_worker(self.db, Registration(DEVICE.worker_id, *place))

    @rule(
        owner=st.sampled_from(OWNERS),
        priority=st.integers(-1, 1),
        start_within=st.sampled_from([None, None, 20.0]),
        cancel_within=st.sampled_from([None, None, 50.0]),
        need_bytes=st.sampled_from([0, 0, 0, 2 * DEVICE.bytes]),
    )
    def submit(self, owner, priority, start_within, cancel_within, need_bytes):
        self.clock.advance(0.01)
        now = self.clock.now
        deadlines = {
            "start_deadline": start_within and now + start_within,
            "cancel_after": cancel_within and now + cancel_within,
        }
        more = {"priority": priority, "need_bytes": need_bytes, **deadlines}
        self.jobs.append(submit(self.db, owner, keep_every=3, **more))

    @rule()
    def claim(self):
        nonce = f"n{len(self.claims)}"
        due, late = self.truths.due(), self.truths.too_late()
        first = self.truths.first(due)
        claimed = claim_job(self.db, DEVICE, nonce, LEASE)
        if claimed is None:
            assert late or not due
            return
        assert claimed.job_id in {job.id for job in due}
        if not late:
            assert claimed.job_id == first
        assert claim_job(self.db, DEVICE, nonce, LEASE) == claimed
        self.claims.append(claimed)
        self.truths.holder[claimed.job_id] = claimed
        self.progressed[claimed.job_id] = False

    @precondition(lambda self: self.claims)
    @rule(pick=PICKS, write=st.sampled_from(sorted(WRITES)), n=PICKS)
    def write(self, pick, write, n):
        """Let any claim, however old, write anything."""
        held = self.claims[pick % len(self.claims)]
        before = self.truths.row(held.job_id)
        if write == "complete" and is_its_success(held, before):
            assert WRITES[write](self.db, held, n) == JobState.SUCCEEDED
            return
        if self.truths.holder.get(held.job_id) != held:
            with pytest.raises(FencedOut):
                WRITES[write](self.db, held, n)
            assert columns(self.truths.row(held.job_id)) == columns(before)
            return
        answer = WRITES[write](self.db, held, n)
        if write in KEEPS_THE_CLAIM:
            self._check_kept_claim(held, write, answer, n)
        else:
            del self.truths.holder[held.job_id]
            assert self.truths.row(held.job_id).state == answer
            assert answer == led_to(before, write)

    @rule(write=st.sampled_from(sorted(WRITES)), n=PICKS)
    def claim_and_write(self, write, n):
        """Both as one step: rules that need one another seldom meet."""
        if not self.truths.holder:
            self.claim()
        if self.claims:
            self.write(pick=len(self.claims) - 1, write=write, n=n)

    @precondition(lambda self: self.jobs)
    @rule(pick=PICKS, verb=st.sampled_from(sorted(ASKS)))
    def ask(self, pick, verb):
        before = self._picked(pick)
        answer = ACTIONS[verb].get(before.state)
        if answer is None or not self.truths.has(before, answer.requirement):
            with pytest.raises(InvalidState) as refused:
                ASKS[verb](self.db, before.owner_id, before.id)
            assert refused.value.members["state"] == before.state
            assert verb not in refused.value.members["allowed_actions"]
            return
        assert ASKS[verb](self.db, before.owner_id, before.id) == answer
        after = self.truths.row(before.id)
        assert after.state == answer.state
        if answer.effect is ActionEffect.NO_CHANGE:
            assert columns(after) == columns(before)
        assert not after.finish_requested or before.finish_requested or verb == "finish"

    @precondition(lambda self: self.jobs)
    @rule(pick=PICKS, weight=st.floats(1, 9))
    def steer(self, pick, weight):
        before = self._picked(pick)
        wanted = JobChange(Changes(style_weight=weight), revision=before.revision)
        if before.state not in ACTIONS["steer"]:
            with pytest.raises(InvalidState):
                update_job(self.db, before.owner_id, before.id, wanted)
            return
        answer = update_job(self.db, before.owner_id, before.id, wanted)
        assert answer.done is (before.state not in LEASED)
        assert self.truths.row(before.id).revision == before.revision + 1

    @precondition(lambda self: self.jobs)
    @rule(pick=PICKS, verb=st.sampled_from(["fork", "extend", "retry"]))
    def branch(self, pick, verb):
        parent = self._picked(pick)
        answer, stored = ACTIONS[verb].get(parent.state), self.truths.stored(parent.id)
        if answer is None or not self.truths.has(parent, answer.requirement):
            with pytest.raises((InvalidState, NoSuchCheckpoint)):
                self._branch(parent, verb, stored)
            return
        child = self.truths.row(self._branch(parent, verb, stored))
        self.jobs.append(child.id)
        assert columns(self.truths.row(parent.id)) == columns(parent)
        assert (child.state, child.parent_id) == (JobState.QUEUED, parent.id)
        assert child.checkpoint_iteration == child.parent_iteration
        shared = {row.key for row in self.truths.stored(child.id)}
        assert shared <= {row.key for row in stored}
        assert len(shared) == (1 if stored else 0)

    @rule(seconds=st.sampled_from([1.0, LEASE / 2, LEASE + 1, 700.0, DAY + 1]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def reap(self):
        held = [job for job in self.truths.rows() if job.state in LEASED]
        late = [job for job in held if job.lease_until < self.clock.now]
        assert {job_id for job_id, _ in requeue_expired_leases(self.db)} == {
            job.id for job in late
        }
        for job in late:
            self._lost(job)

    @precondition(lambda self: self.truths.holder)
    @rule()
    def expire_and_steal(self):
        """The dangerous prefix as one step: lost, reaped, claimed by another."""
        self.clock.advance(LEASE + 1)
        self.reap()
        self.claim()

    @rule()
    def wake(self):
        wake_backed_off_jobs(self.db)
        queued = [job for job in self.truths.rows() if job.state == JobState.QUEUED]
        waiting = [job for job in queued if job.ready_key is None]
        assert all(job.run_after > self.clock.now for job in waiting)

    @rule()
    def mind_the_time(self):
        before = {job.id: job for job in self.truths.rows()}
        overdue = set(cancel_overdue_jobs(self.db))
        assert overdue == {job.id for job in before.values() if self._is_overdue(job)}
        expired = set(expire_jobs(self.db, PAUSED_DAYS))
        for job_id in overdue:
            assert (
                self.truths.row(job_id).state
                == (EVENTS["overdue"][before[job_id].state])
            )
        for job_id in expired:
            assert before[job_id].state in EVENTS["expire"]
        assert not self.truths.too_late()

    @rule()
    def fail_unschedulable_jobs(self):
        misfits = {job.id for job in self.truths.misfits(PATIENCE)}
        assert set(fail_unschedulable_jobs(self.db, PATIENCE)) == misfits
        for job_id in misfits:
            assert self.truths.row(job_id).state == JobState.FAILED

    @invariant()
    def all_truths_hold(self):
        self.truths.check()

    def _picked(self, pick):
        return self.truths.row(self.jobs[pick % len(self.jobs)])

    def _branch(self, parent, verb, stored):
        whose = (self.db, parent.owner_id, parent.id)
        if verb == "retry":
            return retry(*whose, LIMITS)
        if verb == "extend":
            return extend(*whose, 10, LIMITS)
        at = stored[0].iteration if stored else 1
        changes = Changes(style_weight=3)
        return fork(*whose, ForkRequest(at, changes), LIMITS)

    def _check_kept_claim(self, held, write, answer, n):
        row = self.truths.row(held.job_id)
        if write == "heartbeat":
            assert (answer.state, answer.finish_requested) == (
                row.state,
                row.finish_requested,
            )
            assert answer.has_pending_segments == self.truths.has_pending(row.id)
        if write == "begin":
            assert not self.truths.has_pending(row.id)
        if write == "checkpoint":
            self.progressed[held.job_id] = True
            self.truths.written.add(checkpoint_key(held, checkpoint_iteration(held, n)))
        if write == "fell_back":
            self.progressed[held.job_id] = False
        if write in {"checkpoint", "fell_back"}:
            self.truths.dropped.update(answer)

    def _lost(self, before):
        after = self.truths.row(before.id)
        del self.truths.holder[before.id]
        assert after.fence == before.fence + 1
        if self.progressed[before.id]:
            assert after.state != JobState.FAILED

    def _is_overdue(self, job):
        late = job.cancel_after is not None and job.cancel_after < self.clock.now
        return late and job.state in EVENTS["overdue"]
