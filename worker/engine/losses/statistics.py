"""What a style is known by: sums over the positions of a feature map.

C is channels, N = H * W positions. Sums over tiles add up to the sum over the whole,
and sums over several pictures can be blended. `share` is how much each position
counts: a number for all alike (1 / N), or a map, (1, 1, H, W), whose sum over the
picture is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from worker.engine.vgg.precision import sum_type, widened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    Share = float | Tensor


@dataclass(frozen=True, slots=True)
class Slope:
    """How one term of a style pulls at every activation f of a map, wherever it is.

    Attributes:
        value: The term itself, ().
        matrix: M, (C, C), symmetric.
        offset: b, (C,), or None for 0: the gradient by f is its share * (M f + b).
    """

    value: Tensor
    matrix: Tensor
    offset: Tensor | None = None


def gram_matrix(features: Tensor, share: Share | None = None) -> Tensor:
    """Correlate every pair of channels, forgetting where they fired.

    Args:
        features: Activations of one layer, (1, C, H, W).
        share: See above; None: 1 / N.

    Returns:
        (C, C), symmetric, a mean over positions so that images of different sizes
        compare. Gatys et al. (2016), eq. 3, is a sum. With a map of shares it is the
        guided Gram matrix of Gatys et al. (2017), eq. 5.
    """
    if share is None:
        share = 1 / (features.shape[2] * features.shape[3])
    if isinstance(share, float):
        return _products(features, features).mul_(share)
    weighted = torch.mul(features, share, out=torch.empty_like(features))
    return _products(features, weighted)


def raw_moments(features: Tensor, share: Share | None = None) -> Tensor:
    """First and second moment of a map's activations.

    Args:
        features: Activations of one layer, (1, C, H, W).
        share: As for `gram_matrix`, which is the second moment.

    Returns:
        (C + 1, C): the mean over the Gram matrix.
    """
    if share is None:
        share = 1 / (features.shape[2] * features.shape[3])
    if isinstance(share, float):
        mean = features.sum((0, 2, 3), dtype=sum_type(features)).mul_(share)
    else:
        mean = (features * share).sum((0, 2, 3))
    return torch.cat([mean[None], gram_matrix(features, share)])


def blended(moments: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Mix those of several styles; weights need not sum to 1."""
    share = 1 / sum(weights)
    return sum(
        (
            each * (weight * share)
            for each, weight in zip(moments, weights, strict=True)
        ),
        start=moments[0].new_zeros(()),
    )


def pull(features: Tensor, slope: Slope, share: Share) -> Tensor:
    """Gradient of a style term by the activations, (1, C, H, W)."""
    matrix, offset = slope.matrix, slope.offset
    if isinstance(share, float):
        matrix = matrix * share
        offset = None if offset is None else offset * share
    matrix = matrix.to(features.dtype)
    offset = None if offset is None else offset.to(features.dtype)
    # A 1 x 1 convolution is a matrix product that keeps the layout.
    gradient = F.conv2d(features, matrix[:, :, None, None], offset)
    return gradient if isinstance(share, float) else gradient.mul_(share)


def rows_of(features: Tensor) -> Tensor:
    """(1, C, H, W) as (N, C), without a copy where channels are innermost."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _products(left: Tensor, right: Tensor) -> Tensor:
    """Sum over positions of left_i * right_j, (C, C), at least in float32."""
    if left.device.type == "cuda" and left.dtype == torch.bfloat16:
        rows = rows_of(left).T, rows_of(right)
        return torch.mm(*rows, out_dtype=torch.float32)  # sums so, without a copy
    left, right = widened(left), widened(right)
    if left.device.type == "cpu" and left.dtype == torch.float32:
        # The gradient by the weights of a 1 x 1 convolution is this very sum, and runs
        # on oneDNN: 2.5 times as fast as torch's matrix product on AMD.
        channels = left.shape[1]
        weight = left.new_empty(channels, channels, 1, 1)
        place = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)
        sums: Tensor = torch.ops.aten.convolution_backward(
            left, right, weight, None, *place, [False, True, False]
        )[1]
        return sums.view(channels, channels)
    return rows_of(left).T @ rows_of(right)
