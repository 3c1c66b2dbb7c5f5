"""Runner: claims due jobs, runs one attempt at a time, and records its outcome."""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from shared.errors import DatabaseUnavailable, FencedOut
from shared.jobs.checkpoints import keep_last_checkpoint
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import JobResult, complete_job, release_job, stop_job
from shared.metrics import LOST_LEASES
from shared.params.kinds import JobKind
from shared.states import JobState
from shared.storage import delete_blobs
from worker.attempts.explore import ExploreAttempt
from worker.attempts.failures import (
    apply_retry_policy,
    downscale_job,
    is_device_failure,
    log_failure,
)
from worker.attempts.style import StyleAttempt
from worker.devices.device import is_usable, set_threads
from worker.lease import Directive, Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.jobs.claim import Claim
    from worker.context import WorkerContext

log = structlog.get_logger(__name__)

DRAIN_PATIENCE_SECONDS = 2.0  # time that a drained worker waits for the database
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0

WriteResult = TypeVar("WriteResult")


class Attempt(Protocol):
    """Interface of an attempt at a job, for all kinds of jobs."""

    @property
    def claim(self) -> Claim:
        """Claim of the job, with all segments that have begun."""

    def run(self) -> JobResult | Directive:
        """Run the job; return its stored result, or the directive that ended it."""

    def record_pending(self) -> None:
        """Write the records that an outage delayed; may be called again."""

    def record_pace(self) -> None:
        """Store the measured paces after the result was recorded; never raises."""


# Classes of attempts, by kind of job.
ATTEMPT_BY_KIND: Mapping[
    JobKind, Callable[[WorkerContext, Claim[Any], Lease], Attempt]
] = {
    JobKind.STYLE: StyleAttempt,
    JobKind.EXPLORE: ExploreAttempt,
}


class Runner:
    """Runs due jobs, one at a time.

    Args:
        context: Resources of the worker process.

    Attributes:
        device: Device as the claims describe it.
        lease: Lease of the current job, or None.
        poll_count: Number of times that this runner has looked for a due job.
        is_busy: Whether the runner has a job, or is about to claim one.
        is_broken: Whether the device failed so that this process can no longer use it.
    """

    def __init__(self, context: WorkerContext) -> None:
        self._context, info = context, context.device
        self.device = Device(
            context.worker_id, info.device_class, info.bytes, info.uuid
        )
        self._claim: Claim | None = None
        self.lease: Lease | None = None
        self._attempt: Attempt | None = None
        self.poll_count = 0
        self.is_busy = self.is_broken = False

    @property
    def job_id(self) -> str | None:
        """Id of the current job, or None."""
        claim = self._claim
        return None if claim is None else claim.job_id

    def run_one(self) -> bool:
        """Claim and run the best due job that fits; return whether there was one."""
        self.poll_count += 1
        self.is_busy = True  # before the drain check: callers that drain rely on it
        try:
            return self._run_one()
        finally:
            self.is_busy = False

    def _run_one(self) -> bool:
        if self._context.draining.is_set() or self.is_broken:
            return False
        nonce = secrets.token_hex(8)
        try:
            claim = self._claim_job(nonce)
        except DatabaseUnavailable as error:
            log.warning("claim_failed", error=str(error))  # it is notified again
            return False
        if claim is None:
            return False
        # torch keeps the number of threads per calling thread, and this thread is new.
        set_threads(self._context.settings.worker_threads)
        self._claim = claim
        with structlog.contextvars.bound_contextvars(**_log_context(claim)):
            try:
                self._run_job(claim, nonce)
            except FencedOut:
                log.warning("job_taken_over")
                LOST_LEASES.inc()
            except DatabaseUnavailable as error:
                # The lease expires, and another worker continues from the checkpoint.
                log.warning("job_abandoned", error=str(error))
            finally:
                self._claim = self.lease = self._attempt = None
        return True

    def _claim_job(self, nonce: str) -> Claim | None:
        lease = self._context.settings.lease_seconds
        return self._retry_write(
            partial(claim_job, self._context.db, self.device, nonce, lease),
            patience_seconds=lease,
        )

    def _run_job(self, claim: Claim, nonce: str) -> None:
        log.info("job_claimed", iteration=claim.iteration)
        context = self._context
        with Lease(
            context.db, claim, context.settings, context.draining, context.clock
        ) as lease:
            self.lease = lease
            try:
                attempt, outcome = self._run_attempt(claim, nonce, lease)
            except FencedOut:
                raise
            except Exception as error:  # noqa: BLE001 - every failure must be recorded
                log_failure(error)
                if is_device_failure(error):
                    self.is_broken = not is_usable(context.device)
                state = self._retry_write(partial(self._record_failure, claim, error))
            else:
                record = partial(self._record_outcome, attempt, outcome)
                state = self._retry_write(record)
                if state == JobState.SUCCEEDED:
                    attempt.record_pace()
        log.info("job_released", state=state)

    def _run_attempt(
        self, claim: Claim, nonce: str, lease: Lease
    ) -> tuple[Attempt, JobResult | Directive]:
        """Run the attempt; if memory does not suffice, run it smaller, if allowed."""
        while True:
            attempt = ATTEMPT_BY_KIND[claim.kind](self._context, claim, lease)
            self._attempt = attempt
            try:
                return attempt, attempt.run()
            except Exception as error:
                if not downscale_job(self._context, claim, error):
                    raise
            updated = self._claim_job(nonce)  # the same claim, with the new parameters
            if updated is None:
                raise FencedOut(claim.job_id, claim.fence)
            self._claim = claim = updated

    def _record_failure(self, claim: Claim, error: Exception) -> JobState:
        try:
            if self._attempt is not None:
                self._attempt.record_pending()
        except (DatabaseUnavailable, FencedOut):
            raise
        except Exception:
            log.exception("pending_records_lost")  # perhaps the cause of the failure
        return apply_retry_policy(self._context, self._claim or claim, error)

    def _record_outcome(
        self, attempt: Attempt, outcome: JobResult | Directive
    ) -> JobState:
        db, claim = self._context.db, attempt.claim
        try:
            attempt.record_pending()
            if outcome is Directive.DRAIN:
                return release_job(db, claim)
            if not isinstance(outcome, JobResult):
                return stop_job(db, claim)
            state = complete_job(db, claim, outcome)
        except FencedOut:
            if isinstance(outcome, JobResult):
                delete_blobs(self._context.storage, outcome.blob_keys)
            raise
        if state == JobState.SUCCEEDED:
            self._delete_old_checkpoints(claim)
        else:
            delete_blobs(self._context.storage, outcome.blob_keys)
        return state

    def _delete_old_checkpoints(self, claim: Claim) -> None:
        """Delete all checkpoints of a finished job but the last, for forks."""
        try:
            keys = keep_last_checkpoint(self._context.db, claim.job_id)
        except DatabaseUnavailable as error:
            log.warning("checkpoint_deletion_failed", error=str(error))
        else:
            delete_blobs(self._context.storage, keys)

    def _retry_write(
        self, write: Callable[[], WriteResult], patience_seconds: float = float("inf")
    ) -> WriteResult:
        """Repeat a write while the database is not available, until a time limit.

        Each of these writes may be repeated. A claim and a completion check whether the
        last try took effect before its response was lost. Any other write finds that
        the claim no longer owns the job, which is the intended effect.
        """
        clock, draining = self._context.clock, self._context.draining
        started_at = clock.monotonic()
        gives_up_at = started_at + patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return write()
            except DatabaseUnavailable as error:
                log.warning("write_delayed", error=str(error))
                lease = self.lease
                with nullcontext() if lease is None else lease.waiting():
                    if clock.wait(draining, pause):
                        ends_at = started_at + DRAIN_PATIENCE_SECONDS
                        gives_up_at = min(gives_up_at, ends_at)
                        clock.sleep(_FIRST_PAUSE_SECONDS)
                if clock.monotonic() > gives_up_at:
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _log_context(claim: Claim) -> dict[str, Any]:
    """Return the fields of every log event during this claim."""
    fields = {"job_id": claim.job_id, "fence": claim.fence, "attempt": claim.attempts}
    return (
        fields if claim.trace is None else {**fields, "trace_id": claim.trace.trace_id}
    )
