"""Estimates of the memory that a job needs, from its parameters alone.

The engine keeps two things in memory. Its *state* is a number of pictures at the size
of the result, and grows with it. Its *activations* are those of the network for one
tile, and shrink with the tile. So a device must hold the state and the activations of
the smallest tile; more memory allows larger tiles.

From this follows the largest picture that fits a device, and a job of that size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.params.style import StyleParams

if TYPE_CHECKING:
    from shared.params.explore import ExploreParams
    from shared.params.schedule import Stage

LBFGS_HISTORY = 10  # pairs of steps and gradient differences that are stored
MAX_CANDIDATES = 16_384  # cells of each painting that the neighbors loss stores
MAX_POSITIONS = 2_048  # positions of a layer that the relations loss compares
_CHANNELS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}  # of VGG, by block
# Forward and backward pass of VGG-19 for 64 px and the receptive field of the deepest
# layer around them, float32: 320 x 320 px of 2,200 bytes each, and temporary copies.
SMALLEST_TILE_BYTES = 300_000_000
_SMALLEST_TILE_CELLS = 80**2
_ACTIVATION_BYTES_PER_PIXEL = SMALLEST_TILE_BYTES / 320**2

_BASE_BYTES = 300_000_000  # the program, the network, a reserve
_USABLE = 0.8  # share of a device's bytes; allocators and other programs take the rest
_BYTES_PER_PIXEL = 12  # three channels, float32
# The photo as read, moved and resized, the start, the colors to put back; the point,
# its gradient, the next point, the result, the preview, the average of iterates.
_PICTURES = 12
_PICTURES_PER_STYLE = 4  # the painting as read, moved and resized; mask and region
_PICTURES_OF_OPTIMIZER = {
    "lbfgs": 2 * LBFGS_HISTORY + 4,  # also the last point, gradient, direction, best
    "adam": 3,  # two moments, a step
    "gd": 1,
}
_EXPLORE_BYTES_PER_PIXEL = 2_400  # all layers of one forward pass of VGG, float32


def need_bytes(params: StyleParams) -> int:
    """Estimate the bytes that a device must have: an upper bound, in smallest tiles."""
    return round(least_bytes(params) / _USABLE)


def least_bytes(params: StyleParams) -> int:
    """Estimate the bytes that a job takes at least, on a device that just holds it."""
    return _state_bytes(params) + min(_whole_bytes(params), SMALLEST_TILE_BYTES)


def activation_bytes(params: StyleParams, device_bytes: int) -> int:
    """Return the bytes for activations on a device; at least those of a smallest tile.

    A fixed rule decides, not the memory that happens to be free: so the same job on the
    same kind of device is computed in the same tiles, and gives the same result.
    """
    left = round(device_bytes * _USABLE) - _state_bytes(params)
    return max(left, SMALLEST_TILE_BYTES)


def peak_bytes(params: StyleParams, device_bytes: int) -> int:
    """Estimate the bytes that a job takes on a device: whole, or in tiles that fit."""
    activations = min(_whole_bytes(params), activation_bytes(params, device_bytes))
    return _state_bytes(params) + activations


def _whole_bytes(params: StyleParams) -> int:
    """Return the bytes of the activations of the largest picture, without tiles."""
    edge = params.max_edge * max(1.0, params.style_scale)
    return round(edge**2 * _ACTIVATION_BYTES_PER_PIXEL)


def explore_need_bytes(params: ExploreParams) -> int:
    """Estimate the bytes that a device must have to explore one picture at a time."""
    return _BASE_BYTES + params.max_edge**2 * _EXPLORE_BYTES_PER_PIXEL


def _state_bytes(params: StyleParams) -> int:
    """Return the bytes of all but the activations, for square pictures."""
    pictures = _PICTURES + _PICTURES_OF_OPTIMIZER[params.optimizer or "lbfgs"]
    styles = len(params.styles) * max(1.0, params.style_scale) ** 2
    total_pictures = pictures + _PICTURES_PER_STYLE * styles
    picture_bytes = round(params.max_edge**2 * total_pictures * _BYTES_PER_PIXEL)
    pairs = _neighbor_bytes(params) + _relation_bytes(params)
    return _BASE_BYTES + picture_bytes + pairs


def _neighbor_bytes(params: StyleParams) -> int:
    """Return the bytes of the neighbors loss besides the activations, float32.

    They are the candidates of each painting, those of one painting twice more during
    its matching, and the targets and work space of the smallest tile.
    """
    if params.style_loss != "neighbors":
        return 0
    channels = sum(_CHANNELS[name[len("relu")]] for name in params.style_layers)
    cells = (params.max_edge * params.style_scale) ** 2 / 16
    candidates = min(MAX_CANDIDATES, cells) * (len(params.styles) + 2)
    values = candidates * channels + _SMALLEST_TILE_CELLS * (channels + 3 * 512)
    return round(4 * values)


def _relation_bytes(params: StyleParams) -> int:
    """Return the bytes of the relations loss besides the activations, float32.

    Each pair of positions takes a target per layer, and the work space of one layer.
    Each position takes activations and their gradient per layer, and work space.
    """
    if params.content_loss != "relations":
        return 0
    layers = len(params.content_layers)
    positions = min(MAX_POSITIONS, params.max_edge**2)
    pairs = positions**2 * (layers + 5)
    return 4 * (pairs + positions * 512 * (2 * layers + 5))


STEP_PX = 16  # step between sizes
MIN_EDGE_PX = 64  # of StyleParams.max_edge


def largest_fitting_edge(params: StyleParams, device_bytes: int) -> int | None:
    """Return the largest max_edge, px, at which a job fits the memory of a device.

    Args:
        params: Parameters of the job.
        device_bytes: Memory of the device.

    Returns:
        A multiple of 16, at most the job's max_edge; None if not even 64 px fit.
    """
    low, high = MIN_EDGE_PX // STEP_PX - 1, params.max_edge // STEP_PX
    while low < high:  # low fits or is below the minimum; nothing above high fits
        middle = (low + high + 1) // 2
        candidate = params.model_copy(update={"max_edge": middle * STEP_PX})
        if need_bytes(candidate) <= device_bytes:
            low = middle
        else:
            high = middle - 1
    edge = low * STEP_PX
    return edge if edge >= MIN_EDGE_PX else None


def shrink_to_edge(params: StyleParams, max_edge: int) -> StyleParams:
    """Return the same job with a smaller result: only the last scale shrinks.

    The job can still resume from checkpoints of the other scales.
    """
    *_, last = params.stages
    smaller: list[Stage] = [stage for stage in params.stages if stage[0] < max_edge]
    changes = {"max_edge": max_edge, "schedule": (*smaller, (max_edge, last[1]))}
    return StyleParams.model_validate({**params.model_dump(), **changes})
