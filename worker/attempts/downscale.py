"""Downscaling of jobs whose picture does not fit the device, and the largest fit."""

from __future__ import annotations

import gc
import traceback
from typing import TYPE_CHECKING

import structlog

from shared.errors import OutOfMemory
from shared.jobs.steering import retry_with_smaller_params
from shared.params.memory import (
    MIN_EDGE_PX,
    STEP_PX,
    largest_fitting_edge,
    shrink_to_edge,
)
from shared.params.style import StyleParams
from worker.attempts.failures import is_out_of_memory
from worker.devices.device import free_bytes

if TYPE_CHECKING:
    from shared.jobs.claim import Claim
    from worker.context import WorkerContext

log = structlog.get_logger(__name__)

_EDGE_FACTOR = 0.75  # of the long side: the estimate was just proven wrong


def downscale_job(context: WorkerContext, claim: Claim, error: Exception) -> bool:
    """Change a job that may be smaller to the largest size that fits.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job that did not fit.
        error: Error that ended the attempt; its frames are cleared to free memory.

    Returns:
        Whether it was changed; claiming again gives the new parameters.

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


def out_of_memory_error(context: WorkerContext, claim: Claim) -> OutOfMemory:
    """Return the error of a job that does not fit, with a hint of what would."""
    params, device = claim.params, context.device
    message = f"{params.max_edge} px do not fit into the memory of the {device.name}"
    if not isinstance(params, StyleParams):
        return OutOfMemory(message, hint="ask for a smaller max_edge")
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
    """Largest long side, px, that fits by the estimate and is well below the failed."""
    below = int(_EDGE_FACTOR * params.max_edge) // STEP_PX * STEP_PX
    estimated = largest_fitting_edge(params, free_bytes(context.device))
    return None if estimated is None or below < MIN_EDGE_PX else min(estimated, below)
