"""A picture that does not fit the device: how large it may be, and making it so."""

from __future__ import annotations

import gc
import traceback
from typing import TYPE_CHECKING

import structlog

from shared.errors import OutOfMemory
from shared.jobs.lease import retry_smaller
from shared.params.memory import MIN_EDGE_PX, STEP_PX, largest_edge, shrunk
from shared.params.style import StyleParams
from worker.attempts.failures import is_out_of_memory
from worker.devices.device import free_bytes

if TYPE_CHECKING:
    from shared.jobs.claim import Claim
    from worker.context import Tools

log = structlog.get_logger(__name__)

_LESS = 0.75  # of the long side: where the estimate has just proven wrong


def make_smaller(tools: Tools, claim: Claim, error: Exception) -> bool:
    """Have a job that may be smaller go on at the largest size that fits.

    Args:
        tools: What this worker process has.
        claim: The job, as it did not fit.
        error: What ended the attempt; its frames are emptied to free their memory.

    Returns:
        Whether it was made smaller; claiming again gives the new parameters.

    Raises:
        FencedOut: A newer claim owns the job.
        DatabaseUnavailable: It could not be written down.
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
    edge = _fitting_edge(tools, params)
    if edge is None:
        return False
    log.warning("job_downscaled", max_edge=edge, asked=params.max_edge)
    retry_smaller(tools.db, claim, shrunk(params, edge))
    return True


def not_fitting(tools: Tools, claim: Claim) -> OutOfMemory:
    """Say what would fit."""
    params, device = claim.params, tools.device
    message = f"{params.max_edge} px do not fit into the memory of the {device.name}"
    if not isinstance(params, StyleParams):
        return OutOfMemory(message, hint="ask for a smaller max_edge")
    edge = _fitting_edge(tools, params)
    if edge is None:
        return OutOfMemory(message, hint="use a device with more memory")
    if params.allow_smaller:
        return OutOfMemory(message)
    return OutOfMemory(
        message,
        hint=f"max_edge {edge} fits; or set allow_smaller to have it chosen",
    )


def _fitting_edge(tools: Tools, params: StyleParams) -> int | None:
    """The largest long side, px, that fits by estimate and by what has just failed."""
    below = int(_LESS * params.max_edge) // STEP_PX * STEP_PX
    estimated = largest_edge(params, free_bytes(tools.device))
    return None if estimated is None or below < MIN_EDGE_PX else min(estimated, below)
