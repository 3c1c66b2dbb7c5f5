"""Claims a job, sees one attempt through, and says how it ended."""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from shared import jobs
from shared.errors import (
    BlobMissing,
    DatabaseUnavailable,
    FencedOut,
    StorageError,
)
from shared.kinds import JobKind
from shared.states import JobState
from worker.attempt import Attempt
from worker.device import use_threads
from worker.exploration import Exploration
from worker.failures import failure_of
from worker.lease import Lease, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.jobs import Claim
    from worker.tools import Tools

log = structlog.get_logger(__name__)

LEAVING_SECONDS = 2.0  # so long a database may be away when we have to leave
OUTAGE_SECONDS = 30.0  # a job waits so long when the storage was out of reach
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0

Written = TypeVar("Written")


class AnyAttempt(Protocol):
    """One attempt at a job of some kind."""

    def run(self) -> jobs.Result | Order:
        """See the job through; return what is stored, or the order that was obeyed."""


# Each takes claims with the parameters of its kind.
ATTEMPTS: Mapping[JobKind, Callable[[Tools, Claim[Any], Lease], AnyAttempt]] = {
    JobKind.STYLE: Attempt,
    JobKind.EXPLORE: Exploration,
}


class Runner:
    """Runs due jobs, one at a time."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._device = jobs.Device(
            tools.worker_id, tools.device.device_class, tools.device.bytes
        )
        self._job_id: str | None = None

    @property
    def job_id(self) -> str | None:
        """The job at hand."""
        return self._job_id

    def run_one(self) -> bool:
        """Claim the best due job that fits and see it through; False: there is none."""
        if self._tools.draining.is_set():
            return False
        try:
            claim = self._claim()
        except DatabaseUnavailable as error:
            log.warning("claim_failed", error=str(error))  # it will be rung for again
            return False
        if claim is None:
            return False
        # torch keeps the number of threads by the calling thread, which is new here.
        use_threads(self._tools.settings.worker_threads)
        self._job_id = claim.job_id
        with structlog.contextvars.bound_contextvars(
            job_id=claim.job_id, fence=claim.fence, attempt=claim.attempts
        ):
            try:
                self._see_through(claim)
            except FencedOut:
                log.warning("job_taken_over")
            except DatabaseUnavailable as error:
                # The lease runs out, and another worker goes on from the checkpoint.
                log.warning("job_abandoned", error=str(error))
            finally:
                self._job_id = None
        return True

    def _claim(self) -> Claim | None:
        lease, nonce = self._tools.settings.lease_seconds, secrets.token_hex(8)
        return self._insist(
            partial(jobs.claim, self._tools.db, self._device, nonce, lease),
            patience_seconds=lease,
        )

    def _see_through(self, claim: Claim) -> None:
        log.info("job_claimed", iteration=claim.iteration)
        tools = self._tools
        with Lease(tools.db, claim, tools.settings, tools.draining) as lease:
            try:
                ended = ATTEMPTS[claim.kind](tools, claim, lease).run()
            except (FencedOut, DatabaseUnavailable):
                raise
            except Exception as error:  # noqa: BLE001 - every failure must be told
                state = self._insist(partial(self._fail, claim, error))
            else:
                state = self._insist(partial(self._settle, claim, ended))
        log.info("job_left", state=state)

    def _settle(self, claim: Claim, ended: jobs.Result | Order) -> JobState:
        db = self._tools.db
        if ended is Order.LEAVE:
            return jobs.release(db, claim)
        if not isinstance(ended, jobs.Result):
            return jobs.stopped(db, claim)
        try:
            state = jobs.complete(db, claim, ended)
        except FencedOut:
            self._delete(*ended.keys)
            raise
        if state == JobState.SUCCEEDED:
            self._tidy(claim)
        else:
            self._delete(*ended.keys)
        return state

    def _tidy(self, claim: Claim) -> None:
        """Keep one checkpoint of a finished job, for whoever wants to go on from it."""
        try:
            self._delete(*jobs.keep_last_checkpoint(self._tools.db, claim.job_id))
        except DatabaseUnavailable as error:
            log.warning("checkpoints_left_behind", error=str(error))

    def _fail(self, claim: Claim, error: Exception) -> JobState:
        failure = failure_of(error)
        if failure.code == "engine_error":
            log.error("attempt_failed", exc_info=error)
        else:
            log.warning("attempt_failed", code=failure.code, error=failure.message)
        if isinstance(error, StorageError) and not isinstance(error, BlobMissing):
            return jobs.postpone(self._tools.db, claim, failure, OUTAGE_SECONDS)
        retry_seconds = self._tools.settings.retry_seconds
        return jobs.fail(self._tools.db, claim, failure, retry_seconds)

    def _insist(
        self, write: Callable[[], Written], patience_seconds: float = float("inf")
    ) -> Written:
        """Write to a database that may be away, until it is back or we must leave.

        Each of these writes may be repeated: a claim and a completion find out by
        reading whether the last try took effect before its answer was lost; any other
        finds the job no longer its own, which is what it wanted.
        """
        began = time.monotonic()
        gives_up_at = began + patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return write()
            except DatabaseUnavailable as error:
                log.warning("write_delayed", error=str(error))
                if self._tools.draining.wait(pause):
                    gives_up_at = min(gives_up_at, began + LEAVING_SECONDS)
                    time.sleep(_FIRST_PAUSE_SECONDS)
                if time.monotonic() > gives_up_at:
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _delete(self, *keys: str) -> None:
        for key in keys:
            try:
                self._tools.storage.delete(key)
            except StorageError as error:
                log.warning("blob_left_behind", key=key, error=str(error))
