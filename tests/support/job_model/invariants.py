"""What must be true of the rows at any time, whatever has happened."""

from __future__ import annotations

from sqlalchemy import select

from shared.db.base import Base
from shared.db.models.auth import Owner
from shared.db.models.jobs import Checkpoint, Job, JobEvent, JobSegment
from shared.states import (
    ACTIONS,
    EVENTS,
    LEASED,
    TERMINAL,
    Completion,
    JobState,
    Requirement,
)
from tests.support.job_rows import DEVICE, columns


class Truths:
    """The model: who holds what, what has ended, which blobs are there.

    Attributes:
        holder: The claim that holds a job, by job id.
        written: Keys of all checkpoints ever recorded.
        dropped: Keys that some write said nobody needs any more.
    """

    def __init__(self, db, clock):
        self.db, self.clock = db, clock
        self.holder, self.ended = {}, {}
        self.written, self.dropped = set(), set()
        self._fences, self._begun, self._pauses = {}, {}, {}

    def row(self, job_id):
        with self.db.read() as session:
            return session.get(Job, job_id)

    def rows(self):
        return self._all(select(Job).order_by(Job.id))

    def stored(self, job_id):
        """The checkpoints of a job, newest first."""
        which = select(Checkpoint).where(Checkpoint.job_id == job_id)
        return self._all(which.order_by(Checkpoint.iteration.desc()))

    def has(self, job, need):
        return {
            None: True,
            Requirement.CHECKPOINT: bool(self.stored(job.id)),
            Requirement.EARLY_COMPLETION: job.completion == Completion.EARLY,
        }[need]

    def has_pending(self, job_id):
        pending = (JobSegment.job_id == job_id, JobSegment.from_iteration.is_(None))
        return bool(self._all(select(JobSegment).where(*pending)))

    def due(self):
        """What a worker might be given now."""
        full = {owner.id for owner in self._owners() if _is_full(owner)}
        return [
            job
            for job in self.rows()
            if job.ready_key is not None
            and job.owner_id not in full
            and job.need_bytes <= DEVICE.bytes
            and not self._is_too_late(job)
        ]

    def too_late(self):
        return [job for job in self.rows() if self._is_too_late(job)]

    def misfits(self, patience_seconds):
        """What waits for longer than that for a device that nobody knows."""
        ripe = self.clock.now - patience_seconds
        return [
            job
            for job in self.rows()
            if job.state == JobState.QUEUED
            and job.ready_key is not None
            and job.need_bytes > DEVICE.bytes
            and job.run_after < ripe
        ]

    def first(self, due):
        """The one that is next: of the owner with the fewest running, the oldest."""
        running = {owner.id: owner.running for owner in self._owners()}
        line = sorted(due, key=lambda job: (running[job.owner_id], job.ready_key))
        return line[0].id if line else None

    def check(self):
        rows, stored = self.rows(), self._all(select(Checkpoint))
        for job in rows:
            self._check_place(job)
            its = [row.iteration for row in stored if row.job_id == job.id]
            self._check_counts(job, its)
            if job.state in TERMINAL:
                now = columns(job)
                assert self.ended.setdefault(job.id, now) == now
        assert self.ended.keys() == {job.id for job in rows if job.state in TERMINAL}
        self._check_owners(rows)
        self._check_events(rows)
        self._check_blobs(stored)
        self._check_segments()

    def _check_place(self, job):
        """A job is held, waits in line, pauses, or is over; and nothing else."""
        assert (job.state in LEASED) == (job.id in self.holder)
        assert (job.lease_until is not None) == (job.state in LEASED)
        assert (job.paused_at is not None) == (job.state == JobState.PAUSED)
        assert (job.finished_at is not None) == (job.state in TERMINAL)
        assert (job.result_key is not None) == (job.state == JobState.SUCCEEDED)
        assert (job.completion is not None) == (job.state == JobState.SUCCEEDED)
        assert job.ready_key is None or job.state == JobState.QUEUED
        assert not (job.state == JobState.PAUSED and job.finish_requested)
        assert job.state not in LEASED or job.need_bytes <= DEVICE.bytes
        if job.id in self.holder:
            assert job.fence == self.holder[job.id].fence

    def _check_counts(self, job, stored):
        assert job.fence >= self._fences.get(job.id, 0)
        self._fences[job.id] = job.fence
        # A pause in the last attempt gives the job another one.
        assert 0 <= job.attempts <= job.max_attempts + self._pauses.get(job.id, 0)
        assert max(stored, default=0) <= job.checkpoint_iteration

    def _check_owners(self, rows):
        for owner in self._owners():
            mine = [job.state for job in rows if job.owner_id == owner.id]
            assert owner.queued == mine.count(JobState.QUEUED)
            assert owner.running == sum(state in LEASED for state in mine)
            assert owner.max_running is None or owner.running <= owner.max_running

    def _check_events(self, rows):
        """Every event is a move of the tables, and goes on where the last one led."""
        last, self._pauses = {}, {}
        for event in self._all(select(JobEvent).order_by(JobEvent.seq)):
            assert event.from_state == last.get(event.job_id)
            last[event.job_id] = event.state
            if event.state == JobState.PAUSED:
                pauses = self._pauses.get(event.job_id, 0)
                self._pauses[event.job_id] = pauses + 1
            assert event.state in _leads(event)
        assert last == {job.id: job.state for job in rows}

    def _check_blobs(self, stored):
        """A blob is dropped exactly when no row names it."""
        named = {row.key for row in stored}
        assert named | self.dropped == self.written
        assert not named & self.dropped

    def _check_segments(self):
        """Where a change began never moves, and later changes begin later."""
        latest = {}
        live = select(JobSegment).where(JobSegment.live).order_by(JobSegment.id)
        for row in self._all(live):
            if row.from_iteration is None:
                latest[row.job_id] = None
                continue
            began = self._begun.setdefault(row.id, row.from_iteration)
            assert row.from_iteration == began
            before = latest.get(row.job_id, 0)
            assert before is not None, "a later change began before an earlier one"
            assert before <= began
            latest[row.job_id] = began

    def _is_too_late(self, job):
        waits = job.state == JobState.QUEUED and job.started_at is None
        return (
            waits
            and job.start_deadline is not None
            and job.start_deadline < self.clock.now
        )

    def _owners(self):
        return self._all(select(Owner).order_by(Owner.id))

    def _all(self, statement):
        with self.db.read() as session:
            return session.scalars(statement).all()


def _is_full(owner):
    return owner.max_running is not None and owner.running >= owner.max_running


def _leads(event):
    """Where an event may lead from the state it begins in."""
    if event.event == "submit":
        return {JobState.QUEUED} if event.from_state is None else set()
    was = JobState(event.from_state)
    found = {was} if event.event == "steered" else set()
    if event.event in ACTIONS and was in ACTIONS[event.event]:
        found.add(ACTIONS[event.event][was].state)
    if event.event in EVENTS and was in EVENTS[event.event]:
        found.add(EVENTS[event.event][was])
    return found


def empty(db):
    """Start anew in a database that another run has used."""
    with db.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
