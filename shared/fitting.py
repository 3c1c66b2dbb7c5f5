"""How large a picture may be to fit a device, and a job made that large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.estimates import need_bytes
from shared.params import StyleParams

if TYPE_CHECKING:
    from shared.schedules import Stage

STEP_PX = 16  # sizes are offered in such steps
MIN_EDGE_PX = 64  # of StyleParams.max_edge


def largest_edge(params: StyleParams, device_bytes: int) -> int | None:
    """The largest max_edge, px, at which this job fits so much memory.

    Args:
        params: The job; all but its size stays.
        device_bytes: What the device has.

    Returns:
        A multiple of 16, at most the job's own max_edge; None: not even 64 px fit.
    """
    low, high = MIN_EDGE_PX // STEP_PX - 1, params.max_edge // STEP_PX
    while low < high:  # low fits or is too small to be asked for; above high none fits
        middle = (low + high + 1) // 2
        sized = params.model_copy(update={"max_edge": middle * STEP_PX})
        if need_bytes(sized) <= device_bytes:
            low = middle
        else:
            high = middle - 1
    edge = low * STEP_PX
    return edge if edge >= MIN_EDGE_PX else None


def shrunk(params: StyleParams, max_edge: int) -> StyleParams:
    """The same job with a smaller result: smaller scales stay, the last one shrinks.

    What was done at the scales that stay can be gone on from.
    """
    *_, last = params.stages
    kept: list[Stage] = [stage for stage in params.stages if stage[0] < max_edge]
    sized = {"max_edge": max_edge, "schedule": (*kept, (max_edge, last[1]))}
    return StyleParams.model_validate({**params.model_dump(), **sized})
