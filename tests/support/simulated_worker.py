"""What a worker would write while a job lives, so that streams have much to tell."""

from __future__ import annotations

from uuid import uuid4

from shared.jobs.checkpoints import NewFrame, add_frame, record_checkpoint
from shared.jobs.claim import claim_job
from shared.jobs.lease import JobResult, WrittenBlob, complete_job, renew_lease
from tests.support.job_rows import DEVICE

LEASE = 600


def claim(db):
    claimed = claim_job(db, DEVICE, uuid4().hex, LEASE)
    assert claimed is not None
    return claimed


def beat(db, claimed, scale_iteration, scale=2):
    told = {"phase": "optimizing", "scale": scale, "width": 512, "height": 340,
            "scale_iteration": scale_iteration, "iteration": 160 + scale_iteration,
            "losses": {"total": 1.0}}  # fmt: skip
    renew_lease(db, claimed, LEASE, told["iteration"], told)


def frame(db, claimed, iteration):
    key = f"frames/{claimed.job_id}/{iteration}.jpg"
    add_frame(db, claimed, NewFrame(iteration, 2, 256, 170, {}, key, key))


def checkpoint(db, claimed, iteration):
    key = f"checkpoints/{claimed.job_id}/{claimed.fence}-{iteration}"
    record_checkpoint(db, claimed, iteration, WrittenBlob(key, "ef" * 32, 5), 1)


def complete(db, claimed):
    key = f"results/{claimed.job_id}/{claimed.fence}.png"
    written = WrittenBlob(key, "cd" * 32, 10)
    complete_job(db, claimed, JobResult(written, 8, 8, exact=True))


def names(read):
    """Names of events, without comments; `log` stands before what each line means."""
    return [one[0] for one in read if one[0] != ":"]
