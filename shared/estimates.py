"""What a job will need, from its parameters alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.exploring import ExploreParams
    from shared.params import StyleParams

_BASE_BYTES = 300_000_000  # the program, the network, room to breathe
_ACTIVATION_BYTES_PER_PIXEL = 3_200  # kept for the way back through VGG, float32
LBFGS_PAIRS = 10  # steps and gradient differences that the engine remembers
_BYTES_PER_PIXEL = 12  # three channels, float32
_SEEN_BYTES_PER_PIXEL = 2_400  # all layers of one look through VGG, float32


def need_bytes(params: StyleParams) -> int:
    """Memory that a device must have: an upper estimate, for a square picture."""
    pixels = params.max_edge**2 * max(1.0, params.style_scale) ** 2
    per_pixel = _ACTIVATION_BYTES_PER_PIXEL
    if params.optimizer == "lbfgs":
        per_pixel += 2 * LBFGS_PAIRS * _BYTES_PER_PIXEL
    return _BASE_BYTES + round(pixels * per_pixel)


def explore_bytes(params: ExploreParams) -> int:
    """Memory that a device must have to look at the pictures, one at a time."""
    return _BASE_BYTES + params.max_edge**2 * _SEEN_BYTES_PER_PIXEL
