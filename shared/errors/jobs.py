"""What a job, or the queue, does not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors.base import ImpastoError

if TYPE_CHECKING:
    from collections.abc import Sequence


class NotFound(ImpastoError):
    """There is nothing at this address, or not yet."""

    code = "not-found"


class JobNotFound(NotFound):
    """No job of the caller has this id."""


class InvalidState(ImpastoError):
    """The job's state does not allow the verb.

    Attributes:
        state: The state the job is in.
        allowed: The verbs that would work now.
    """

    code = "invalid-state"

    def __init__(
        self, job_id: str, verb: str, state: str, allowed: list[str], why: str = ""
    ) -> None:
        verbs = ", ".join(allowed) or "none"
        reason = f"it is {state}" + (f" and {why}" if why else "")
        super().__init__(
            f"cannot {verb} job {job_id}: {reason}; verbs allowed now: {verbs}"
        )
        self.state = state
        self.allowed = allowed


class NoSuchCheckpoint(ImpastoError):
    """The job has no stored checkpoint there to go on from.

    Attributes:
        iterations: Where it has one, in order.
    """

    code = "no-checkpoint"

    def __init__(self, job_id: str, asked: str, iterations: Sequence[int]) -> None:
        there = ", ".join(map(str, iterations)) or "none"
        super().__init__(
            f"job {job_id} has no checkpoint {asked}; it has some at: {there}",
            hint="keep_every, given when a job is submitted, keeps more of them",
        )
        self.iterations = tuple(iterations)


class VersionMismatch(ImpastoError):
    """The job has changed since the revision that the caller knows."""

    code = "version-mismatch"
    hint = "look at the job again, and send its revision in If-Match"


class ResultNotReady(ImpastoError):
    """The job has no finished picture (yet)."""

    code = "result-not-ready"


class ResultNeverComes(ResultNotReady):
    """The job is over without a picture: no waiting helps.

    Attributes:
        state: The state it has ended in.
        allowed: The verbs that would work now.
    """

    def __init__(self, job_id: str, state: str, allowed: list[str], why: str) -> None:
        reason = f": {why}" if why else ""
        super().__init__(f"job {job_id} is {state}{reason}; it has no picture")
        self.state = state
        self.allowed = allowed
        ways = {
            "retry": f"POST /v1/jobs/{job_id}/retry makes a new job that tries again",
            "fork": f"POST /v1/jobs/{job_id}/fork one that goes on from a checkpoint",
        }
        there = [text for verb, text in ways.items() if verb in allowed]
        self.hint = "there will be none; " + "; ".join(there or ["submit it again"])


class ResultPurged(ImpastoError):
    """The picture existed, and its time is over."""

    code = "purged"
    hint = "submit the job again; the operator sets how long pictures are kept"


class JobPurged(ImpastoError):
    """The job was deleted by its owner; only that is still known."""

    code = "purged"
    hint = "a deleted job does not come back; submit it again"


class AssetInUse(ImpastoError):
    """A job that is not over still needs the picture.

    Attributes:
        jobs: Ids of some of them.
    """

    code = "asset-in-use"
    hint = "cancel these jobs, or wait until they are over"

    def __init__(self, asset_id: str, jobs: Sequence[str]) -> None:
        super().__init__(f"asset {asset_id} is used by {', '.join(jobs)}")
        self.jobs = tuple(jobs)


class AssetGone(ImpastoError):
    """A picture that the job needs has been deleted."""

    code = "asset-gone"
    hint = "upload the picture again: it comes back under the same id"


class QueueFull(ImpastoError):
    """As many jobs are waiting as the operator allows."""

    code = "queue-full"
    retryable = True
    hint = "wait until some of the queued jobs have run, or cancel some"


class QuotaExceeded(QueueFull):
    """As many jobs of this owner are waiting as the owner may have."""

    code = "quota-exceeded"


class FencedOut(ImpastoError):
    """A newer claim owns the job; the holder must stop and write nothing."""

    code = "fenced_out"

    def __init__(self, job_id: str, fence: int) -> None:
        super().__init__(f"job {job_id}: fence {fence} no longer holds the lease")
        self.job_id = job_id
        self.fence = fence
