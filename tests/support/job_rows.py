"""Job rows for tests: short ways to make, claim, lose and look at one."""

from __future__ import annotations

from sqlalchemy import select, true

from shared.assets import NewAsset, add_asset
from shared.auth.api_keys import ensure_owner
from shared.db.models.auth import Owner
from shared.db.models.jobs import Checkpoint, Job, JobEvent, JobSegment
from shared.errors import BlobDamaged, Diverged, EngineError
from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import JobResult, WrittenBlob
from shared.jobs.submit import NewJob, NewJobInput, SubmissionLimits, submit_job
from shared.maintenance.rescue import requeue_expired_leases
from shared.params.style import StyleParams

LEASE = 30.0
LIMITS = SubmissionLimits(max_queued_per_owner=50, max_queued=80, max_attempts=4)
DEVICE = Device("wkr_1", "cpu", 8 * 2**30)
BIGGER = Device("wkr_2", "cpu", 2**40)
BROKEN = EngineError("it broke", hint="try again")
DIVERGED = Diverged("no number")
HOPELESS = BlobDamaged("not a picture")


def submit(db, owner_id="own_a", masked=(), **more):
    ensure_owner(db, owner_id)
    asset = NewAsset(owner_id, "ab" * 32, "assets/ab", 3, "image/png", 8, 8)
    asset_id = add_asset(db, asset)
    inputs = (
        NewJobInput("content", 0, asset_id),
        NewJobInput("style", 0, asset_id),
        *(NewJobInput("mask", position, asset_id) for position in masked),
    )
    known = NewJob.__dataclass_fields__.keys()
    options = {name: more.pop(name) for name in more.keys() - known}
    new = NewJob(owner_id, StyleParams(), inputs, options=options, **more)
    return submit_job(db, new, LIMITS).job_id


def claim(db, nonce="n", device=DEVICE):
    return claim_job(db, device, nonce, LEASE)


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
    which = JobSegment.job_id == job_id if job_id else true()
    with db.read() as session:
        rows = session.scalars(select(JobSegment).where(which).order_by(JobSegment.id))
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
    return JobResult(WrittenBlob(key, "cd" * 32, 10), 8, 8, exact=True, **more)


def checkpoint(db, claimed, iteration):
    key = f"checkpoints/{claimed.job_id}/{claimed.fence}-{iteration}"
    blob = WrittenBlob(key, "ef" * 32, 5)
    return record_checkpoint(db, claimed, iteration, blob, 1)


def lose(db, clock):
    """Let the lease of the running job run out, and reap it."""
    clock.advance(LEASE + 1)
    return requeue_expired_leases(db)


def columns(job):
    return {column.key: getattr(job, column.key) for column in Job.__table__.columns}
