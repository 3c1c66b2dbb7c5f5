"""How fast an iteration could be: two floors, measured where the engine is measured.

The first divides the arithmetic of forward, backward and Gram matrices by the best rate
of a large matrix product. The second is what the network's convolutions take by
themselves, forward and backward by the input, without ReLU, pooling, losses and
optimizer, in the precision of the activations.
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
    """A product of two square matrices, as fast as the machine multiplies."""

    flop = 2.0 * _SIDE**3

    def __init__(self) -> None:
        self._left, self._right = torch.rand(2, _SIDE, _SIDE)
        self._result = torch.empty(_SIDE, _SIDE)

    def __call__(self) -> None:
        """Multiply once."""
        torch.mm(self._left, self._right, out=self._result)


class DirectConvolutions:
    """VGG-16 to relu5_1 as convolutions of random maps, channels innermost.

    Backward by the input is the forward convolution with mirrored weights, which is
    faster here than torch's own.

    Args:
        height: Of the picture, px.
        width: Of the picture, px.
        dtype: Of maps and weights.
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
        """Convolve all of them once."""
        for x, weight in self._pairs:
            F.conv2d(x, weight, padding=1)


def shapes(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """(inputs, outputs, rows, columns) of each convolution."""
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
    """Multiplications and additions of one evaluation with its gradient.

    Each convolution runs once forward and once backward, each Gram matrix and its
    gradient are a matrix product each: 1.21 million a pixel.
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
