"""Failed attempts: classes of failures, and the retry policy for each class.

| class of failure | consequence |
| --- | --- |
| storage or database unreachable | queued again after a delay, not counted |
| the device failed | queued for another device, counted |
| the loss diverged | retried once from the last finite checkpoint, smaller steps |
| out of memory, and the job may be smaller | continues smaller, in the same claim |
| out of memory, bad input, weights | failed, not retried |
| anything else | retried after growing delays, up to the limit |
"""

from __future__ import annotations

import gc
import traceback
from typing import TYPE_CHECKING

import structlog
import torch

from shared.errors import (
    BlobMissing,
    DatabaseUnavailable,
    DeviceFailed,
    Diverged,
    EngineError,
    ImpastoError,
    OutOfMemory,
    StorageError,
)
from shared.jobs.lease import fail_job, postpone_job, retry_with_smaller_steps
from shared.jobs.steering import retry_with_smaller_params
from shared.params.memory import (
    MIN_EDGE_PX,
    STEP_PX,
    largest_fitting_edge,
    shrink_to_edge,
)
from shared.params.style import StyleParams
from worker.devices.device import free_bytes

if TYPE_CHECKING:
    from shared.jobs.claim import Claim
    from shared.states import JobState
    from worker.context import WorkerContext

log = structlog.get_logger(__name__)

OUTAGE_SECONDS = 30.0  # delay of a job after an outage of the storage or the database
DIVERGED_STEP_SCALE = 0.3  # factor of the optimizer steps after the loss diverged
_EDGE_FACTOR = 0.75  # of the long side, since the estimate was too low

# Error of a failed allocation on the CPU; CUDA and MPS have another error of torch.
_CPU_ALLOCATOR = "can't allocate memory"
_MPS_ALLOCATOR = "MPS backend out of memory"
# Messages of drivers and their libraries about failures that the job does not cause.
_DEVICE_WORDS = (
    "CUDA error",
    "CUDNN_STATUS",
    "cuDNN error",
    "CUBLAS_STATUS",
    "MPS backend",
)


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


def downscale_job(context: WorkerContext, claim: Claim, error: Exception) -> bool:
    """Reduce the size of a job to the largest that fits, if the job allows it.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job that did not fit.
        error: Error that ended the attempt; its frames are cleared to free memory.

    Returns:
        Whether the job was changed; the next claim has the new parameters.

    Raises:
        FencedOut: A newer claim owns the job.
        DatabaseUnavailable: The change could not be recorded.
    """
    params = claim.params
    if not (
        is_out_of_memory(error)
        and isinstance(params, StyleParams)
        and params.allow_smaller
    ):
        return False
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    edge = _fitting_edge(context, params)
    if edge is None:
        return False
    log.warning("job_downscaled", max_edge=edge, asked=params.max_edge)
    retry_with_smaller_params(context.db, claim, shrink_to_edge(params, edge))
    return True


def classify_failure(error: Exception) -> ImpastoError:
    """Return the error that describes why an attempt ended, without internal details.

    An `ImpastoError` has its own message. Any other error is a bug or a temporary
    problem of the machine: another attempt may succeed, and the log has the traceback.
    """
    if isinstance(error, ImpastoError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory("the picture does not fit into the memory of the device")
    if is_device_failure(error):
        return DeviceFailed("the device failed while it computed the picture")
    return EngineError(f"the worker ran into an unexpected {type(error).__name__}")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether the error means that the device has too little memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemory):
        return True
    words = (_CPU_ALLOCATOR, _MPS_ALLOCATOR)
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def is_device_failure(error: Exception) -> bool:
    """Return whether the device failed, so that another device may succeed."""
    if is_out_of_memory(error):
        return False
    if isinstance(error, torch.AcceleratorError | DeviceFailed):
        return True
    message = str(error)
    return isinstance(error, RuntimeError) and any(
        word in message for word in _DEVICE_WORDS
    )


def _classify(context: WorkerContext, claim: Claim, error: Exception) -> ImpastoError:
    if is_out_of_memory(error):
        error = _out_of_memory_error(context, claim)
    return classify_failure(error)


def _is_outage(error: Exception) -> bool:
    if isinstance(error, BlobMissing):
        return False  # the storage works, but does not have the blob
    return isinstance(error, StorageError | DatabaseUnavailable)


def _out_of_memory_error(context: WorkerContext, claim: Claim) -> OutOfMemory:
    """Return the error of a job that does not fit, with a hint on what would fit."""
    params, device = claim.params, context.device
    message = f"{params.max_edge} px do not fit into the memory of the {device.name}"
    if not isinstance(params, StyleParams):
        return OutOfMemory(message, hint="use a smaller max_edge")
    edge = _fitting_edge(context, params)
    if edge is None:
        return OutOfMemory(message, hint="use a device with more memory")
    if params.allow_smaller:
        return OutOfMemory(message)
    return OutOfMemory(
        message,
        hint=f"max_edge {edge} fits; or set allow_smaller to have it chosen",
    )


def _fitting_edge(context: WorkerContext, params: StyleParams) -> int | None:
    """Return the largest long side, px, that fits by the estimate, below the failed."""
    below = int(_EDGE_FACTOR * params.max_edge) // STEP_PX * STEP_PX
    estimated = largest_fitting_edge(params, free_bytes(context.device))
    return None if estimated is None or below < MIN_EDGE_PX else min(estimated, below)
