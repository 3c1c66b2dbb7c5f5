"""What becomes of a job after a failed attempt: each class of failure has its path.

| class | path |
| --- | --- |
| storage, database away | back in line after a pause, not counted |
| the device failed | elsewhere, counted |
| the loss diverged | once more from the last finite checkpoint, smaller steps |
| out of memory, bad input, weights | failed for good |
| anything else | again after growing pauses, up to the limit |

That a job is made smaller where it may be is not a new attempt:
`worker.attempts.downscale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import BlobMissing, DatabaseUnavailable, Diverged, StorageError
from shared.jobs.lease import fail_job, postpone_job, retry_with_smaller_steps
from worker.attempts.downscale import not_fitting
from worker.attempts.failures import failure_of, is_of_the_device, is_out_of_memory

if TYPE_CHECKING:
    from shared.jobs.claim import Claim
    from shared.jobs.lease import Failure
    from shared.states import JobState
    from worker.context import Tools

log = structlog.get_logger(__name__)

OUTAGE_SECONDS = 30.0  # a job waits so long when storage or database were away
CAUTION = 0.3  # factor of the steps after the loss has diverged


def remedy(tools: Tools, claim: Claim, error: Exception) -> JobState:
    """Tell of a failed attempt, and do with its job what helps.

    Raises:
        FencedOut: A newer claim owns the job.
        DatabaseUnavailable: It could not be told; it may be told again.
    """
    failure = _failure(tools, claim, error)
    if _is_outage(error):
        return postpone_job(tools.db, claim, failure, OUTAGE_SECONDS)
    if isinstance(error, Diverged) and claim.step_scale == 1:
        return retry_with_smaller_steps(tools.db, claim, failure, CAUTION)
    elsewhere = tools.device.uuid if is_of_the_device(error) else None
    retry_seconds = tools.settings.retry_seconds
    return fail_job(tools.db, claim, failure, retry_seconds, elsewhere)


def note_failure(error: Exception) -> None:
    """Write a failed attempt to the log, once, with a traceback where it is news."""
    failure = failure_of(error)
    if failure.code in {"engine_error", "device_error"}:
        log.error("attempt_failed", code=failure.code, exc_info=error)
    else:
        log.warning("attempt_failed", code=failure.code, error=failure.message)


def _failure(tools: Tools, claim: Claim, error: Exception) -> Failure:
    if is_out_of_memory(error):
        error = not_fitting(tools, claim)
    return failure_of(error)


def _is_outage(error: Exception) -> bool:
    if isinstance(error, BlobMissing):
        return False  # the storage answers; it does not have the blob
    return isinstance(error, StorageError | DatabaseUnavailable)
