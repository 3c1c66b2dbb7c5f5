"""Keeps a claim alive from a background thread while the device is busy."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import structlog

from shared.errors import DatabaseUnavailable, FencedOut
from shared.jobs.lease import HeartbeatReply, renew_lease
from shared.states import JobState

if TYPE_CHECKING:
    from types import TracebackType

    from shared.db.database import Database
    from shared.jobs.claim import Claim
    from shared.settings import Settings

log = structlog.get_logger(__name__)

STALL_STEPS = 20  # a slow picture is not a hung one: so many median steps are allowed
_STEPS_KEPT = 50
_LOADING = {"phase": "loading"}


class Order(Enum):
    """What the driver of an attempt should do next."""

    GO_ON = "go on"
    STEER = "steer"  # changes of parameters wait to begin
    FINISH = "finish"  # the picture is wanted as it is
    PAUSE = "pause"  # checkpoint, and let go
    STOP = "stop"  # the job was canceled
    LEAVE = "leave"  # this process has to end

    @property
    def lets_go(self) -> bool:
        """Whether it ends the attempt without a picture."""
        return self in {Order.PAUSE, Order.STOP, Order.LEAVE}

    @property
    def keeps(self) -> bool:
        """Whether the job goes on later, from a checkpoint made now."""
        return self in {Order.PAUSE, Order.LEAVE}


def order_of(told: HeartbeatReply, *, draining: bool) -> Order:
    """Tell what comes first: the end, the picture, the device, the parameters."""
    asked = {
        Order.STOP: told.state == JobState.CANCELING,
        Order.FINISH: told.finish_requested,
        Order.PAUSE: told.state == JobState.PAUSING,
        Order.LEAVE: draining,
        Order.STEER: told.has_pending_segments,
    }
    return next((order for order, wanted in asked.items() if wanted), Order.GO_ON)


class Lease:
    """A claim that beats on its own until the `with` block ends.

    It survives an unreachable database: computing goes on, and once the database is
    back, the fence decides. It beats only while progress is reported, so that a hung
    device loses its job.
    """

    def __init__(
        self,
        db: Database,
        claim: Claim,
        settings: Settings,
        draining: threading.Event,
    ) -> None:
        self._db, self._claim, self._settings = db, claim, settings
        self._draining = draining
        self._ended = False
        self._news = threading.Event()
        self._lost = False
        self._told = HeartbeatReply(JobState.RUNNING, claim.finish_requested)
        self._iteration = claim.iteration
        # Until there is news, what the last attempt has told is not forgotten.
        self._progress: dict[str, Any] = dict(claim.progress) | _LOADING
        self._steps: deque[float] = deque(maxlen=_STEPS_KEPT)
        self._moved_at = time.monotonic()
        self._touched = False
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = True
        self._news.set()
        self._thread.join()

    def report(self, iteration: int, progress: dict[str, Any]) -> None:
        """Note what the next heartbeat shall say, and that the device is not hung."""
        if not self._touched:
            self._step()
        self._touched, self._moved_at = False, time.monotonic()
        begins = progress.get("phase") != self._progress.get("phase")
        self._iteration, self._progress = iteration, progress
        if begins:
            self._news.set()  # it is told at once, and from then on by and by

    def touch(self) -> None:
        """Note that something moved: a tile, a phase, a picture, a stored blob.

        Between such parts, the parts are the steps that a stall is measured by: not the
        short rest before the report.
        """
        self._touched = True
        self._step()

    @property
    def pace(self) -> float | None:
        """Seconds per megapixel and iteration, once they are known."""
        return self._progress.get("seconds_per_mpx_iteration")

    @property
    def stalled_seconds(self) -> float:
        """How long nothing has moved beyond what is allowed; 0 while all is well."""
        still = time.monotonic() - self._moved_at
        return max(0.0, still - self._stall_seconds())

    def order(self) -> Order:
        """Tell what people and the operator want of this attempt.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if self._lost:
            raise FencedOut(self._claim.job_id, self._claim.fence)
        return order_of(self._told, draining=self._draining.is_set())

    def wait(self, seconds: float) -> Order:
        """Pause, at most so long, then tell the order; a drain ends the pause.

        A picture that is wanted now comes before a drain only while it can be made:
        who has to wait for that leaves it to another worker.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        self._draining.wait(seconds)
        self._moved_at = time.monotonic()  # waiting on purpose is no stall
        order = self.order()
        if order is Order.FINISH and self._draining.is_set():
            return Order.LEAVE
        return order

    def steered(self) -> None:
        """Note that the changes which were pending have begun."""
        self._told = replace(self._told, has_pending_segments=False)

    def _step(self) -> None:
        now = time.monotonic()
        self._steps.append(now - self._moved_at)
        self._moved_at = now

    def _run(self) -> None:
        while not (self._lost or self._ended):
            self._beat()
            self._news.wait(self._settings.heartbeat_seconds)
            self._news.clear()

    def _beat(self) -> None:
        if self.stalled_seconds:
            log.error("job_stalled", job_id=self._claim.job_id)
            return
        try:
            self._told = renew_lease(
                self._db,
                self._claim,
                self._settings.lease_seconds,
                self._iteration,
                self._progress,
            )
        except FencedOut:
            self._lost = True
        except DatabaseUnavailable as error:
            log.warning("heartbeat_failed", job_id=self._claim.job_id, error=str(error))
        except Exception:
            # Without this thread the job is lost: it must outlive any surprise.
            log.exception("heartbeat_failed", job_id=self._claim.job_id)

    def _stall_seconds(self) -> float:
        step = median(self._steps) if self._steps else 0.0
        return max(self._settings.stall_seconds, STALL_STEPS * step)
