"""Lease of a claimed job, renewed by a background thread while the device is busy."""

from __future__ import annotations

import math
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import structlog

from shared.clock import SYSTEM_CLOCK, Clock
from shared.errors import DatabaseUnavailable, FencedOut
from shared.jobs.lease import HeartbeatReply, renew_lease
from shared.metrics import ITERATIONS
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from shared.db.database import Database
    from shared.jobs.claim import Claim
    from shared.settings import Settings

log = structlog.get_logger(__name__)

# Median steps without activity before a job counts as stalled: it may only be slow.
STALL_STEPS = 20
_STEP_WINDOW = 50
_LOADING = {"phase": "loading"}


class Directive(Enum):
    """Instruction for an attempt: what it must do next."""

    CONTINUE = "continue"
    STEER = "steer"  # changed parameters are pending
    FINISH = "finish"  # store the present picture as the result
    PAUSE = "pause"  # store a checkpoint and release the job
    CANCEL = "cancel"  # the job was canceled
    DRAIN = "drain"  # release the job to another worker

    @property
    def ends_attempt(self) -> bool:
        """Whether the attempt ends without a result."""
        return self in {Directive.PAUSE, Directive.CANCEL, Directive.DRAIN}

    @property
    def resumes_later(self) -> bool:
        """Whether the job continues later, from a checkpoint stored now."""
        return self in {Directive.PAUSE, Directive.DRAIN}


def choose_directive(reply: HeartbeatReply, *, draining: bool) -> Directive:
    """Choose the first directive that applies: cancel, finish, pause, drain, steer."""
    requested = {
        Directive.CANCEL: reply.state == JobState.CANCELING,
        Directive.FINISH: reply.finish_requested,
        Directive.PAUSE: reply.state == JobState.PAUSING,
        Directive.DRAIN: draining,
        Directive.STEER: reply.has_pending_segments,
    }
    return next(
        (directive for directive, is_set in requested.items() if is_set),
        Directive.CONTINUE,
    )


class Lease:
    """Lease of a claim; a thread renews it until the `with` block ends.

    The attempt continues while the database is unreachable; afterwards the fence
    decides. The lease is renewed only while activity is reported, so that a hung device
    loses its job.
    """

    def __init__(
        self,
        db: Database,
        claim: Claim,
        settings: Settings,
        draining: threading.Event,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._db, self._claim, self._settings = db, claim, settings
        self._draining, self._clock = draining, clock
        self._is_closed = False
        self._wake = threading.Event()
        self._is_lost = False
        self.is_cut_off = False  # a write failed, and no heartbeat got through since
        self._reply = HeartbeatReply(JobState.RUNNING, claim.finish_requested)
        self._iteration = claim.iteration
        # The progress of the last attempt is shown until this one reports progress.
        self._progress: dict[str, Any] = dict(claim.progress) | _LOADING
        self._step_seconds: deque[float] = deque(maxlen=_STEP_WINDOW)
        self._active_at = clock.monotonic()
        self._is_touched = False

    def __enter__(self) -> Self:
        self._thread = self._clock.start_thread("lease", self._run)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed = True
        self._wake.set()
        self._thread.join()

    def report(self, iteration: int, progress: dict[str, Any]) -> None:
        """Set the progress for the next heartbeat, and record activity."""
        if not self._is_touched:
            self._record_step()
        self._is_touched, self._active_at = False, self._clock.monotonic()
        if iteration > self._iteration:
            ITERATIONS.inc()  # early stopping skips numbers, which are not computed
        is_new_phase = progress.get("phase") != self._progress.get("phase")
        self._iteration, self._progress = iteration, progress
        if is_new_phase:
            self._wake.set()  # a new phase is stored at once

    def touch(self) -> None:
        """Record activity within an iteration: a tile, a picture, a stored blob.

        If an iteration has such parts, the limit for a stall follows from their
        duration, and the short rest before the report does not count as a step.
        """
        self._is_touched = True
        self._record_step()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the `with` block as an intended wait, which is no stall."""
        self._active_at = math.inf
        try:
            yield
        finally:
            self._active_at = self._clock.monotonic()

    def report_outage(self) -> None:
        """Record that a write failed because of an outage, which is no stall."""
        self.is_cut_off, self._active_at = True, self._clock.monotonic()

    def report_freeze(self) -> None:
        """Record that the whole process was frozen, which is no stall."""
        self._active_at = max(self._active_at, self._clock.monotonic())

    @property
    def pace(self) -> float | None:
        """Seconds per megapixel and iteration; None before the first measurement."""
        return self._progress.get("seconds_per_mpx_iteration")

    @property
    def stalled_seconds(self) -> float:
        """Seconds without activity beyond the allowed time; 0 if not stalled."""
        idle_seconds = self._clock.monotonic() - self._active_at
        return max(0.0, idle_seconds - self._allowed_seconds())

    def directive(self) -> Directive:
        """Return the directive for this attempt.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if self._is_lost:
            raise FencedOut(self._claim.job_id, self._claim.fence)
        return choose_directive(self._reply, draining=self._draining.is_set())

    def wait(self, seconds: float) -> Directive:
        """Wait for at most `seconds`, then return the directive; a drain ends the wait.

        A request to finish comes before a drain only while the picture can be stored.
        If the attempt has to wait for the storage, another worker takes the job.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        with self.waiting():
            self._clock.wait(self._draining, seconds)
        directive = self.directive()
        if directive is Directive.FINISH and self._draining.is_set():
            return Directive.DRAIN
        return directive

    def store_progress(self) -> None:
        """Store the progress that was reported last: no heartbeat may come after it."""
        if not self.is_cut_off:
            self._renew()

    def clear_pending_segments(self) -> None:
        """Record that the pending changes of parameters have taken effect."""
        self._reply = replace(self._reply, has_pending_segments=False)

    def _record_step(self) -> None:
        now = self._clock.monotonic()
        self._step_seconds.append(now - self._active_at)
        self._active_at = now

    def _run(self) -> None:
        while not (self._is_lost or self._is_closed):
            self._renew()
            self._clock.wait(self._wake, self._settings.heartbeat_seconds)
            self._wake.clear()

    def _renew(self) -> None:
        if self.stalled_seconds:
            log.error("job_stalled", job_id=self._claim.job_id)
            return
        try:
            self._reply = renew_lease(
                self._db,
                self._claim,
                self._settings.lease_seconds,
                self._iteration,
                self._progress,
            )
            self.is_cut_off = False
        except FencedOut:
            self._is_lost = True
        except DatabaseUnavailable as error:
            self.is_cut_off = True
            log.warning("heartbeat_failed", job_id=self._claim.job_id, error=str(error))
        except Exception:
            # This thread must survive any error, or else the job is lost.
            log.exception("heartbeat_failed", job_id=self._claim.job_id)

    def _allowed_seconds(self) -> float:
        step = median(self._step_seconds) if self._step_seconds else 0.0
        return max(self._settings.stall_seconds, STALL_STEPS * step)
