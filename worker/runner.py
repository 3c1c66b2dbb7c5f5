"""Claims a job, sees one attempt through, and says how it ended."""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from shared.errors import DatabaseUnavailable, FencedOut, StorageError
from shared.jobs.checkpoints import keep_last_checkpoint
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import Result, complete_job, release_job, stop_job
from shared.params.kinds import JobKind
from shared.states import JobState
from worker.attempts.downscale import make_smaller
from worker.attempts.explore import Exploration
from worker.attempts.failures import is_of_the_device
from worker.attempts.style import Attempt
from worker.devices.device import is_usable, use_threads
from worker.lease import Lease, Order
from worker.retry_policy import note_failure, remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.jobs.claim import Claim
    from worker.context import Tools

log = structlog.get_logger(__name__)

LEAVING_SECONDS = 2.0  # so long a database may be away when we have to leave
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0

Written = TypeVar("Written")


class AnyAttempt(Protocol):
    """One attempt at a job of some kind."""

    def run(self) -> Result | Order:
        """See the job through; return what is stored, or the order that was obeyed."""

    def learn(self) -> None:
        """Tell what it took, once its result is kept for good; never fails."""


# Each takes claims with the parameters of its kind.
ATTEMPTS: Mapping[JobKind, Callable[[Tools, Claim[Any], Lease], AnyAttempt]] = {
    JobKind.STYLE: Attempt,
    JobKind.EXPLORE: Exploration,
}


class Runner:
    """Runs due jobs, one at a time."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._device = Device(
            tools.worker_id,
            tools.device.device_class,
            tools.device.bytes,
            tools.device.uuid,
        )
        self._claim: Claim | None = None
        self._lease: Lease | None = None
        self._runs = 0
        self._is_busy = self._is_broken = False

    @property
    def device(self) -> Device:
        """What its claims say of the device."""
        return self._device

    @property
    def job_id(self) -> str | None:
        """The job at hand."""
        claim = self._claim
        return None if claim is None else claim.job_id

    @property
    def lease(self) -> Lease | None:
        """Of the job at hand."""
        return self._lease

    @property
    def runs(self) -> int:
        """How often it has looked for a job."""
        return self._runs

    @property
    def is_busy(self) -> bool:
        """Whether it has a job, or is about to claim one."""
        return self._is_busy

    @property
    def is_broken(self) -> bool:
        """Whether the device failed so that this process can use it no more."""
        return self._is_broken

    def run_one(self) -> bool:
        """Claim the best due job that fits and see it through; False: there is none."""
        self._runs += 1
        self._is_busy = True  # before we look: whoever drains us may rely on it
        try:
            return self._run_one()
        finally:
            self._is_busy = False

    def _run_one(self) -> bool:
        if self._tools.draining.is_set() or self._is_broken:
            return False
        nonce = secrets.token_hex(8)
        try:
            claim = self._take(nonce)
        except DatabaseUnavailable as error:
            log.warning("claim_failed", error=str(error))  # it will be rung for again
            return False
        if claim is None:
            return False
        # torch keeps the number of threads by the calling thread, which is new here.
        use_threads(self._tools.settings.worker_threads)
        self._claim = claim
        with structlog.contextvars.bound_contextvars(**_named(claim)):
            try:
                self._see_through(claim, nonce)
            except FencedOut:
                log.warning("job_taken_over")
            except DatabaseUnavailable as error:
                # The lease runs out, and another worker goes on from the checkpoint.
                log.warning("job_abandoned", error=str(error))
            finally:
                self._claim = self._lease = None
        return True

    def _take(self, nonce: str) -> Claim | None:
        lease = self._tools.settings.lease_seconds
        return self._insist(
            partial(claim_job, self._tools.db, self._device, nonce, lease),
            patience_seconds=lease,
        )

    def _see_through(self, claim: Claim, nonce: str) -> None:
        log.info("job_claimed", iteration=claim.iteration)
        tools = self._tools
        with Lease(tools.db, claim, tools.settings, tools.draining) as lease:
            self._lease = lease
            try:
                attempt, ended = self._attempt(claim, nonce, lease)
            except FencedOut:
                raise
            except Exception as error:  # noqa: BLE001 - every failure must be told
                note_failure(error)
                self._examine(error)
                now = self._claim or claim
                state = self._insist(partial(remedy, tools, now, error))
            else:
                state = self._insist(partial(self._settle, claim, ended))
                if state == JobState.SUCCEEDED:
                    attempt.learn()
        log.info("job_released", state=state)

    def _attempt(
        self, claim: Claim, nonce: str, lease: Lease
    ) -> tuple[AnyAttempt, Result | Order]:
        """Make the picture, smaller if it does not fit and may be."""
        while True:
            attempt = ATTEMPTS[claim.kind](self._tools, claim, lease)
            try:
                return attempt, attempt.run()
            except Exception as error:
                if not make_smaller(self._tools, claim, error):
                    raise
            taken = self._take(nonce)  # the same claim, with what has changed
            if taken is None:
                raise FencedOut(claim.job_id, claim.fence)
            self._claim = claim = taken

    def _examine(self, error: Exception) -> None:
        """Find out whether a failed device can still be used by this process."""
        if is_of_the_device(error):
            self._is_broken = not is_usable(self._tools.device)

    def _settle(self, claim: Claim, ended: Result | Order) -> JobState:
        db = self._tools.db
        if ended is Order.LEAVE:
            return release_job(db, claim)
        if not isinstance(ended, Result):
            return stop_job(db, claim)
        try:
            state = complete_job(db, claim, ended)
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
            self._delete(*keep_last_checkpoint(self._tools.db, claim.job_id))
        except DatabaseUnavailable as error:
            log.warning("checkpoint_deletion_failed", error=str(error))

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
                log.warning("blob_deletion_failed", key=key, error=str(error))


def _named(claim: Claim) -> dict[str, Any]:
    """What each line of the log says of the job at hand."""
    named = {"job_id": claim.job_id, "fence": claim.fence, "attempt": claim.attempts}
    return named if claim.trace is None else {**named, "trace_id": claim.trace.id}
