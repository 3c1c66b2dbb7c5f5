"""Job rows for tests: short ways to make, claim, lose and look at one."""

from __future__ import annotations

from sqlalchemy import select, true

from shared import jobs
from shared.models import Checkpoint, Job, JobEvent, Owner, Segment
from shared.params import StyleParams

LEASE = 30.0
LIMITS = jobs.Limits(max_queued_per_owner=50, max_queued=80, max_attempts=4)
DEVICE = jobs.Device("wkr_1", "cpu", 8 * 2**30)
BIGGER = jobs.Device("wkr_2", "cpu", 2**40)
BROKEN = jobs.Failure("engine_error", "it broke", "try again", retryable=True)
DIVERGED = jobs.Failure("diverged", "no number", "", retryable=False)
HOPELESS = jobs.Failure("input_damaged", "not a picture", "", retryable=False)


def submit(db, owner_id="own_a", masked=(), **more):
    jobs.ensure_owner(db, owner_id)
    asset = jobs.NewAsset(owner_id, "ab" * 32, "assets/ab", 3, "image/png", 8, 8)
    asset_id = jobs.add_asset(db, asset)
    inputs = (
        jobs.Input("content", 0, asset_id),
        jobs.Input("style", 0, asset_id),
        *(jobs.Input("mask", position, asset_id) for position in masked),
    )
    new = jobs.NewJob(owner_id, StyleParams(), inputs, **more)
    return jobs.submit(db, new, LIMITS)


def claim(db, nonce="n", device=DEVICE):
    return jobs.claim(db, device, nonce, LEASE)


def row(db, job_id):
    with db.read() as session:
        return session.get(Job, job_id)


def checkpoints(db, job_id=None):
    """Rows of a job, or of all, in order."""
    which = Checkpoint.job_id == job_id if job_id else true()
    with db.read() as session:
        ordered = select(Checkpoint).where(which).order_by(Checkpoint.iteration)
        return session.scalars(ordered).all()


def segments(db, job_id=None):
    """(from_iteration, changes) of a job in the order they were asked for."""
    which = Segment.job_id == job_id if job_id else true()
    with db.read() as session:
        rows = session.scalars(select(Segment).where(which).order_by(Segment.id))
        return [(row.from_iteration, row.changes) for row in rows]


def owner(db, owner_id="own_a"):
    with db.read() as session:
        return session.get(Owner, owner_id)


def events(db, job_id):
    with db.read() as session:
        found = session.scalars(
            select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.seq)
        )
        return [event.event for event in found]


def result(claimed, **more):
    key = f"results/{claimed.job_id}/{claimed.fence}.png"
    return jobs.Result(jobs.Written(key, "cd" * 32, 10), 8, 8, exact=True, **more)


def checkpoint(db, claimed, iteration):
    key = f"checkpoints/{claimed.job_id}/{claimed.fence}-{iteration}"
    blob = jobs.Written(key, "ef" * 32, 5)
    return jobs.checkpointed(db, claimed, iteration, blob, 1)


def lose(db, clock):
    """Let the lease of the running job run out, and reap it."""
    clock.advance(LEASE + 1)
    return jobs.reap(db)


def columns(job):
    return {column.key: getattr(job, column.key) for column in Job.__table__.columns}
