"""Retry policy: what follows a failed attempt, by the class of its failure.

| class of failure | what follows |
| --- | --- |
| storage or database away | queued again after a delay, not counted |
| the device failed | queued for another device, counted |
| the loss diverged | retried once from the last finite checkpoint, smaller steps |
| out of memory, bad input, weights | failed for good |
| anything else | retried after growing delays, up to the limit |

A job that is made smaller to fit the memory continues in the same claim, without this
policy: `worker.attempts.downscale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import (
    BlobMissing,
    DatabaseUnavailable,
    DeviceFailed,
    Diverged,
    EngineError,
    StorageError,
)
from shared.jobs.lease import fail_job, postpone_job, retry_with_smaller_steps
from worker.attempts.downscale import out_of_memory_error
from worker.attempts.failures import (
    classify_failure,
    is_device_failure,
    is_out_of_memory,
)

if TYPE_CHECKING:
    from shared.errors import ImpastoError
    from shared.jobs.claim import Claim
    from shared.states import JobState
    from worker.context import WorkerContext

log = structlog.get_logger(__name__)

OUTAGE_SECONDS = 30.0  # delay of a job after the storage or the database was away
DIVERGED_STEP_SCALE = 0.3  # factor of the optimizer steps after the loss diverged


def apply_retry_policy(
    context: WorkerContext, claim: Claim, error: Exception
) -> JobState:
    """Record the failure of an attempt and postpone, retry or fail its job.

    Raises:
        FencedOut: A newer claim owns the job.
        DatabaseUnavailable: Nothing was recorded; the call may be repeated.
    """
    failure = _classify(context, claim, error)
    if _is_outage(error):
        return postpone_job(context.db, claim, failure, OUTAGE_SECONDS)
    if isinstance(error, Diverged) and claim.step_scale == 1:
        return retry_with_smaller_steps(context.db, claim, failure, DIVERGED_STEP_SCALE)
    failed_device = context.device.uuid if is_device_failure(error) else None
    retry_seconds = context.settings.retry_seconds
    return fail_job(context.db, claim, failure, retry_seconds, failed_device)


def log_failure(error: Exception) -> None:
    """Log a failed attempt, with a traceback if its cause is unexpected."""
    failure = classify_failure(error)
    if isinstance(failure, EngineError | DeviceFailed):
        log.error("attempt_failed", code=failure.code, exc_info=error)
    else:
        log.warning("attempt_failed", code=failure.code, error=str(failure))


def _classify(context: WorkerContext, claim: Claim, error: Exception) -> ImpastoError:
    if is_out_of_memory(error):
        error = out_of_memory_error(context, claim)
    return classify_failure(error)


def _is_outage(error: Exception) -> bool:
    if isinstance(error, BlobMissing):
        return False  # the storage works, but does not have the blob
    return isinstance(error, StorageError | DatabaseUnavailable)
