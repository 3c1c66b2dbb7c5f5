"""How the network halves its maps between blocks: forward, and backward by hand."""

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

    Place = tuple[EllipsisType, slice, slice]


class Pooling(NamedTuple):
    """One way to halve a map.

    Attributes:
        halve: From (1, C, H, W) to the halved map. A side of 1 stays, so no picture
            is too thin.
        double: From the gradient by the halved map, and the map, to the gradient by
            the map.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]


def _max_forward(x: Tensor) -> Tensor:
    """Keep the maximum of every 2 x 2, as the weights were trained."""
    return F.max_pool2d(x, _window(x))


def _max_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """Give it all to who won: found again, as it takes no time, and room to keep."""
    if x.device.type != "cpu":
        return max_pool_backward_deterministic(gradient, x)
    window = _window(x)
    _, winners = F.max_pool2d_with_indices(x, window)
    back: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
        gradient, x, window, window, [0, 0], [1, 1], False, winners
    )
    return back


def max_pool_backward_deterministic(gradient: Tensor, x: Tensor) -> Tensor:
    """The same as plain steps in a fixed order, of which each entry has one writer.

    torch's own adds up in any order on CUDA. Of equals the first in reading order
    wins, as on the CPU. Not by `where`: it copies its 0 to the device each time, which
    a CUDA graph cannot hold.
    """
    back, largest, left = torch.zeros_like(x), _max_forward(x), gradient
    for place in _iterate_window_positions(x):
        won = x[place] == largest
        back[place] = left.masked_fill(~won, 0)
        left = left.masked_fill(won, 0)
    return back


def _average_forward(x: Tensor) -> Tensor:
    """Keep the mean of every 2 x 2; Gatys et al. (2016), section 2.

    crowsonkb's engine doubles it, toward the size of a maximum; this one does not.
    """
    return F.avg_pool2d(x, _window(x))


def _average_backward(gradient: Tensor, x: Tensor) -> Tensor:
    """Give every pixel of a window its share; an odd last row or column had none."""
    back, share = torch.zeros_like(x), gradient / math.prod(_window(x))
    for place in _iterate_window_positions(x):
        back[place] = share
    return back


def _window(x: Tensor) -> list[int]:
    return [min(2, side) for side in x.shape[2:]]


def _iterate_window_positions(x: Tensor) -> Iterator[Place]:
    """Every position of a window, in reading order, as an index over all windows."""
    down, across = _window(x)
    rows, columns = x.shape[2] // down * down, x.shape[3] // across * across
    for row, column in itertools.product(range(down), range(across)):
        yield ..., slice(row, rows, down), slice(column, columns, across)


POOLINGS: dict[PoolingName, Pooling] = {
    "max": Pooling(_max_forward, _max_backward),
    "average": Pooling(_average_forward, _average_backward),
}
