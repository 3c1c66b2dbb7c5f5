"""Statistics of a style: sums over the positions of a feature map.

C is channels, N = H * W positions. Sums over tiles add up to the sum over the whole,
and sums over several images can be blended. `spatial_weights` are the weights of the
positions: one number for all of them (1 / N), or a map, (1, 1, H, W), whose sum over
the image is 1.

Sums are at least in float32. bfloat16 has its range, so gradients of 1e-12 fit, but
only 8 bits: a sum of many values would stop growing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    SpatialWeights = float | Tensor


@dataclass(frozen=True, slots=True)
class AffineGradient:
    """Gradient of a style loss as an affine function of the activation f at a position.

    The gradient by f is weight * (M f + b), with the spatial weight of the position.

    Attributes:
        value: Loss, ().
        matrix: Matrix M, (C, C), symmetric.
        offset: Vector b, (C,), or None for 0.
    """

    value: Tensor
    matrix: Tensor
    offset: Tensor | None = None


def accumulation_dtype(features: Tensor) -> torch.dtype:
    """Return the precision in which activations are summed: at least float32."""
    return torch.promote_types(features.dtype, torch.float32)


def to_accumulation_dtype(features: Tensor) -> Tensor:
    """Convert activations to `accumulation_dtype`; no copy if they have it."""
    return features.to(accumulation_dtype(features))


def gram_matrix(
    features: Tensor, spatial_weights: SpatialWeights | None = None
) -> Tensor:
    """Compute the Gram matrix: the mean product of every pair of channels.

    Args:
        features: Activations of one layer, (1, C, H, W).
        spatial_weights: Weights of the positions, see above; None for 1 / N.

    Returns:
        Gram matrix, (C, C), symmetric. It is a mean over positions, so that images of
        different sizes can be compared; Gatys et al. (2016), eq. 3, is a sum. With a
        map of weights it is the guided Gram matrix of Gatys et al. (2017), eq. 5.
    """
    if spatial_weights is None:
        spatial_weights = 1 / (features.shape[2] * features.shape[3])
    if isinstance(spatial_weights, float):
        return _sum_products(features, features).mul_(spatial_weights)
    weighted = torch.mul(features, spatial_weights, out=torch.empty_like(features))
    return _sum_products(features, weighted)


def compute_raw_moments(
    features: Tensor, spatial_weights: SpatialWeights | None = None
) -> Tensor:
    """Compute the first and second raw moment of the activations.

    Args:
        features: Activations of one layer, (1, C, H, W).
        spatial_weights: Weights of the positions, as for `gram_matrix`.

    Returns:
        Moments, (C + 1, C): the mean in the first row, the Gram matrix below it.
    """
    if spatial_weights is None:
        spatial_weights = 1 / (features.shape[2] * features.shape[3])
    if isinstance(spatial_weights, float):
        mean = features.sum((0, 2, 3), dtype=accumulation_dtype(features))
        mean.mul_(spatial_weights)
    else:
        mean = (features * spatial_weights).sum((0, 2, 3))
    return torch.cat([mean[None], gram_matrix(features, spatial_weights)])


def blend_moments(moments: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Blend the moments of several styles; the weights need not sum to 1."""
    normalization = 1 / sum(weights)
    return sum(
        (
            moment * (weight * normalization)
            for moment, weight in zip(moments, weights, strict=True)
        ),
        start=moments[0].new_zeros(()),
    )


def apply_affine_gradient(
    features: Tensor, affine: AffineGradient, spatial_weights: SpatialWeights
) -> Tensor:
    """Return the gradient of a style loss by the activations, (1, C, H, W)."""
    matrix, offset = affine.matrix, affine.offset
    if isinstance(spatial_weights, float):
        matrix = matrix * spatial_weights
        offset = None if offset is None else offset * spatial_weights
    matrix = matrix.to(features.dtype)
    offset = None if offset is None else offset.to(features.dtype)
    # A 1 x 1 convolution is a matrix product that preserves the layout.
    gradient = F.conv2d(features, matrix[:, :, None, None], offset)
    if isinstance(spatial_weights, float):
        return gradient
    return gradient.mul_(spatial_weights)


def to_rows(features: Tensor) -> Tensor:
    """Reshape (1, C, H, W) to (N, C), without a copy where channels are innermost."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _sum_products(left: Tensor, right: Tensor) -> Tensor:
    """Sum over positions of left_i * right_j, (C, C), at least in float32."""
    if left.device.type == "cuda" and left.dtype == torch.bfloat16:
        rows = to_rows(left).T, to_rows(right)
        return torch.mm(*rows, out_dtype=torch.float32)  # without a float32 copy
    left, right = to_accumulation_dtype(left), to_accumulation_dtype(right)
    if left.device.type == "cpu" and left.dtype == torch.float32:
        # The gradient by the weights of a 1 x 1 convolution is this very sum, and runs
        # on oneDNN: 2.5 times as fast as torch's matrix product on AMD.
        channels = left.shape[1]
        weight = left.new_empty(channels, channels, 1, 1)
        options = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)
        sums: Tensor = torch.ops.aten.convolution_backward(
            left, right, weight, None, *options, [False, True, False]
        )[1]
        return sums.view(channels, channels)
    return to_rows(left).T @ to_rows(right)
