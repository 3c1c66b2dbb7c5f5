"""Max and average pooling, 2 x 2, between the blocks: forward, and backward by hand."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import EllipsisType

    from torch import Tensor

    from shared.params.style import PoolingName

    WindowIndex = tuple[EllipsisType, slice, slice]


class Pooling(NamedTuple):
    """One kind of pooling.

    Attributes:
        forward: From (1, C, H, W) to the map of half the size. A side of 1 stays, so no
            picture is too thin.
        backward: From the gradient by the output, and the input, to the gradient by
            the input.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]


def _max_forward(x: Tensor) -> Tensor:
    """Return the maximum of every 2 x 2, as the weights were trained."""
    return F.max_pool2d(x, _window_size(x))


def _max_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """Give the gradient to the maximum; finding it again costs less than storing it."""
    if x.device.type != "cpu":
        return max_pool_backward_deterministic(gradient, x)
    window = _window_size(x)
    _, indices = F.max_pool2d_with_indices(x, window)
    input_gradient: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
        gradient, x, window, window, [0, 0], [1, 1], False, indices
    )
    return input_gradient


def max_pool_backward_deterministic(gradient: Tensor, x: Tensor) -> Tensor:
    """Go back through max pooling in a fixed order, each entry written once.

    torch's own backward adds up in any order on CUDA. Of equal values the first in
    reading order is the maximum, as on the CPU. `where` would copy its 0 to the device
    each time, which a CUDA graph cannot hold.
    """
    input_gradient, maximum = torch.zeros_like(x), _max_forward(x)
    remaining = gradient
    for index in _iterate_window_positions(x):
        is_maximum = x[index] == maximum
        input_gradient[index] = remaining.masked_fill(~is_maximum, 0)
        remaining = remaining.masked_fill(is_maximum, 0)
    return input_gradient


def _average_forward(x: Tensor) -> Tensor:
    """Return the mean of every 2 x 2; Gatys et al. (2016), section 2.

    crowsonkb's engine doubles it, toward the size of a maximum; this one does not.
    """
    return F.avg_pool2d(x, _window_size(x))


def _average_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """Divide the gradient among each window; an odd last row or column gets none."""
    input_gradient = torch.zeros_like(x)
    share = gradient / math.prod(_window_size(x))
    for index in _iterate_window_positions(x):
        input_gradient[index] = share
    return input_gradient


def _window_size(x: Tensor) -> list[int]:
    return [min(2, side) for side in x.shape[2:]]


def _iterate_window_positions(x: Tensor) -> Iterator[WindowIndex]:
    """Yield the positions of a window, in reading order, each indexing all windows."""
    down, across = _window_size(x)
    rows, columns = x.shape[2] // down * down, x.shape[3] // across * across
    for row, column in itertools.product(range(down), range(across)):
        yield ..., slice(row, rows, down), slice(column, columns, across)


POOLINGS: dict[PoolingName, Pooling] = {
    "max": Pooling(_max_forward, _max_backward),
    "average": Pooling(_average_forward, _average_backward),
}
