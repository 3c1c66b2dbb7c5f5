"""What a job will need, from its parameters alone.

The engine keeps two things in memory. Its *state* is a number of pictures at the size
of the result, and grows with it. Its *activations* are what the network sees of one
tile, and can be made as small as tiles can: so a device must hold the state and the
smallest tile, and what it has beyond that makes tiles larger.

How large a picture may be to fit a device, and a job made that large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.params.style import StyleParams

if TYPE_CHECKING:
    from shared.params.explore import ExploreParams
    from shared.params.schedule import Stage

LBFGS_PAIRS = 10  # steps and gradient differences that the engine remembers
# The way through VGG-19 and back for 64 px and what the deepest layer sees around
# them, float32: 320 x 320 px of 2,200 bytes each, and its temporary copies.
SMALLEST_TILE_BYTES = 300_000_000
_ACTIVE_BYTES_PER_PIXEL = SMALLEST_TILE_BYTES / 320**2

_BASE_BYTES = 300_000_000  # the program, the network, room to breathe
_USABLE = 0.8  # of a device's bytes; allocators waste some, others want some
_PICTURE_BYTES = 12  # of one pixel of one picture: three channels, float32
# The photo as read, moved and resized, the start, the colors to put back; the point,
# its gradient, the next point, the result, the picture to look at, its mean over time.
_PICTURES = 12
_PICTURES_PER_STYLE = 4  # as read, moved, resized; its mask and region
_PICTURES_OF_OPTIMIZER = {
    "lbfgs": 2 * LBFGS_PAIRS + 4,  # and the last point, gradient, direction, best
    "adam": 3,  # two moments, a step
    "gd": 1,
}
_SEEN_BYTES_PER_PIXEL = 2_400  # all layers of one look through VGG, float32


def need_bytes(params: StyleParams) -> int:
    """Memory that a device must have: an upper estimate, in the smallest tiles."""
    return round((_state_bytes(params) + SMALLEST_TILE_BYTES) / _USABLE)


def activation_bytes(params: StyleParams, device_bytes: int) -> int:
    """What a device leaves to activations; at least those of the smallest tile.

    By a rule of numbers, not of what happens to be free: the same job on the same
    kind of device is computed in the same tiles, and so comes out the same.
    """
    left = round(device_bytes * _USABLE) - _state_bytes(params)
    return max(left, SMALLEST_TILE_BYTES)


def peak_bytes(params: StyleParams, device_bytes: int) -> int:
    """Memory that a job takes on such a device: whole, or in the tiles that fit."""
    whole = round(params.max_edge**2 * _ACTIVE_BYTES_PER_PIXEL)
    return _state_bytes(params) + min(whole, activation_bytes(params, device_bytes))


def explore_bytes(params: ExploreParams) -> int:
    """Memory that a device must have to look at the pictures, one at a time."""
    return _BASE_BYTES + params.max_edge**2 * _SEEN_BYTES_PER_PIXEL


def _state_bytes(params: StyleParams) -> int:
    """All but the activations, as if every picture were square."""
    pictures = _PICTURES + _PICTURES_OF_OPTIMIZER[params.optimizer or "lbfgs"]
    styles = len(params.styles) * max(1.0, params.style_scale) ** 2
    pictures_in_all = pictures + _PICTURES_PER_STYLE * styles
    return _BASE_BYTES + round(params.max_edge**2 * pictures_in_all * _PICTURE_BYTES)


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
