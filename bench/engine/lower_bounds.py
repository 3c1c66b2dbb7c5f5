"""Two lower bounds of the time of an iteration, measured on the same machine.

The first one divides the arithmetic operations of forward pass, backward pass and Gram
matrices by the best rate of a large matrix product. The second one is the time of only
the network's convolutions, forward and backward by the input, in the precision of the
activations: without ReLU, pooling, losses and optimizer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from bench.engine.layers import CHANNELS, STYLES, count_poolings

if TYPE_CHECKING:
    from torch import Tensor

_SIDE = 2048
_KERNEL = 9  # 3 x 3
_LAST = torch.channels_last


class MatrixProduct:
    """Product of two large square matrices, for the machine's best rate."""

    flop = 2.0 * _SIDE**3

    def __init__(self) -> None:
        self._left, self._right = torch.rand(2, _SIDE, _SIDE)
        self._result = torch.empty(_SIDE, _SIDE)

    def __call__(self) -> None:
        """Multiply once."""
        torch.mm(self._left, self._right, out=self._result)


class DirectConvolutions:
    """Convolutions of VGG-16 up to relu5_1 on random maps, channels innermost.

    The backward pass by the input is a forward convolution with flipped weights, which
    is faster than torch's backward pass.

    Args:
        height: Height of the picture, px.
        width: Width of the picture, px.
        dtype: Data type of maps and weights.
    """

    def __init__(self, height: int, width: int, dtype: torch.dtype) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []
        for incoming, outgoing, rows, columns in shapes(height, width):
            for inputs, outputs in ((incoming, outgoing), (outgoing, incoming)):
                x = torch.rand(1, inputs, rows, columns, dtype=dtype)
                weight = torch.rand(outputs, inputs, 3, 3, dtype=dtype)
                pair = x.to(memory_format=_LAST), weight.to(memory_format=_LAST)
                self._pairs.append(pair)

    @torch.no_grad()
    def __call__(self) -> None:
        """Run every convolution once."""
        for x, weight in self._pairs:
            F.conv2d(x, weight, padding=1)


def shapes(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Return (inputs, outputs, rows, columns) of each convolution."""
    widths = [3, *CHANNELS.values()]
    return [
        (
            incoming,
            outgoing,
            height // 2 ** count_poolings(name),
            width // 2 ** count_poolings(name),
        )
        for name, (incoming, outgoing) in zip(CHANNELS, pairwise(widths), strict=True)
    ]


def flop_per_iteration(height: int, width: int) -> float:
    """Count the multiplications and additions of one evaluation with its gradient.

    Each convolution runs once forward and once backward. Each Gram matrix and its
    gradient are one matrix product each. The sum is 1.21 million per pixel.
    """
    total = 0
    for name, (incoming, outgoing, rows, columns) in zip(
        CHANNELS, shapes(height, width), strict=True
    ):
        positions = rows * columns
        total += 2 * 2 * _KERNEL * incoming * outgoing * positions
        if name in STYLES:
            total += 2 * 2 * outgoing**2 * positions
    return float(total)
