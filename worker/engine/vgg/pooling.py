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
        forward: Function from (1, C, H, W) to the map of half the size. A side of 1
            stays 1, so that no picture is too thin.
        backward: Function from the gradient by the output, and the input, to the
            gradient by the input.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]


def _max_forward(x: Tensor) -> Tensor:
    """Return the maximum of every 2 x 2, with which the weights were trained."""
    return F.max_pool2d(x, _window_size(x))


def _max_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """Pass the gradient to the maximum; finding it again is cheaper than storing it."""
    if x.device.type != "cpu":
        return max_pool_backward_deterministic(gradient, x)
    window = _window_size(x)
    _, indices = F.max_pool2d_with_indices(x, window)
    input_gradient: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
        gradient, x, window, window, [0, 0], [1, 1], False, indices
    )
    return input_gradient


def max_pool_backward_deterministic(gradient: Tensor, x: Tensor) -> Tensor:
    """Compute the backward pass of max pooling, writing each entry once.

    torch's backward pass adds in no fixed order on CUDA. Among equal values, the first
    in reading order is the maximum, as on the CPU. `where` is not used: it would copy
    its 0 to the device each time, which a CUDA graph cannot capture.
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

    crowsonkb's engine doubles the mean, to come nearer to a maximum; this one does not.
    """
    return F.avg_pool2d(x, _window_size(x))


def _average_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """Divide the gradient equally in each window; odd last rows and columns get 0."""
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
