"""Content loss and total variation: the losses that compare positions.

Each loss is a pure function of tensors that returns a value and its gradient. Gradients
are written by hand, since the network runs without autograd. The tests check them by
finite differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional as F

from worker.engine.losses.statistics import to_accumulation_dtype

if TYPE_CHECKING:
    from torch import Tensor

LossScale = Literal["relative", "gatys"]

_GRAY_LEVEL = 1 / 255
_PADDING = {-2: (0, 0, 1, 1), -1: (1, 1)}  # one pixel at both ends, down or across


def content_loss(
    features: Tensor, target: Tensor, factor: float
) -> tuple[Tensor, Tensor]:
    """Compute half the squared distance of two feature maps.

    These are eq. 1 and 2 of Gatys et al. (2016).

    Args:
        features: Activations F of the image, (1, C, H, W).
        target: Activations P of the photo, of the same shape.
        factor: Factor of value and gradient.

    Returns:
        The loss, factor * 1/2 |F - P|^2, (), and its gradient by F, (1, C, H, W).
    """
    error = to_accumulation_dtype(features) - target
    value = error.square().sum() * (factor / 2)
    return value, error.mul_(factor).to(features.dtype)


def compute_content_scale(loss_scale: LossScale, size: float) -> float:
    """Return the normalization of one content layer: 1 / |P|^2, or 1 as published.

    Args:
        loss_scale: Scale of the loss, "relative" or, as published, "gatys".
        size: Squared length |P|^2 of the target, or its minimum.
    """
    return 1.0 if loss_scale == "gatys" else safe_reciprocal(size)


def compute_variation(image: Tensor, dim: int, factor: float) -> tuple[Tensor, Tensor]:
    """Compute the variation of neighboring pixels along `dim`, -2 down or -1 across.

    |d| is Charbonnier's smooth sqrt(d^2 + e^2) - e, with e of one gray level, since
    L-BFGS cannot estimate the curvature of a corner.

    Args:
        image: Image, (1, C, H, W), colors in [0, 1].
        dim: Dimension of the differences.
        factor: Factor of value and gradient.

    Returns:
        The variation, factor * sum |d|, (), and its gradient by the image.
    """
    difference = image.diff(dim=dim)
    smooth = difference.square().add_(_GRAY_LEVEL**2).sqrt_()
    value = smooth.sub(_GRAY_LEVEL).clamp_(min=0).sum() * factor
    gradient = difference.div_(smooth).mul_(-factor)
    return value, F.pad(gradient, _PADDING[dim]).diff(dim=dim)


def add_total_variation(
    image: Tensor, gradient: Tensor, rows: slice, factor: float
) -> Tensor:
    """Add the gradient of the total variation of some rows; return the variation.

    It sums the differences across, and down to the next row. The sum is divided by the
    number of values, so that a weight means the same at every size. The variations of
    the strips of an image add up to that of the image.

    Args:
        image: Image, (1, C, H, W), colors in [0, 1].
        gradient: Gradient to add to, of the same shape.
        rows: Range of rows.
        factor: Factor of value and gradient.

    Returns:
        The variation, factor * sum |d| / (C * H * W), ().
    """
    factor = factor / image.numel()
    rows_and_next = slice(rows.start, rows.stop + 1)
    across, row_gradient = compute_variation(image[..., rows, :], -1, factor)
    gradient[..., rows, :] += row_gradient
    down, row_gradient = compute_variation(image[..., rows_and_next, :], -2, factor)
    gradient[..., rows_and_next, :] += row_gradient
    return across + down


def add_seam_variation(image: Tensor, gradient: Tensor, factor: float) -> Tensor:
    """Add the gradient of the total variation across the seams; return the variation.

    It sums the differences from the last row and column to the first. Added to
    `add_total_variation` of all rows, it gives the variation of an image that wraps
    around.

    Args:
        image: Image, (1, C, H, W), colors in [0, 1].
        gradient: Gradient to add to, of the same shape.
        factor: Factor of value and gradient.

    Returns:
        The variation, factor * sum |d| / (C * H * W), ().
    """
    total = image.new_zeros(())
    for dim in (-2, -1):
        last = image.shape[dim] - 1
        ends = torch.cat([image.narrow(dim, last, 1), image.narrow(dim, 0, 1)], dim)
        value, ends_gradient = compute_variation(ends, dim, factor / image.numel())
        gradient.narrow(dim, last, 1).add_(ends_gradient.narrow(dim, 0, 1))
        gradient.narrow(dim, 0, 1).add_(ends_gradient.narrow(dim, 1, 1))
        total = total + value
    return total


def safe_reciprocal(size: float) -> float:
    """Return 1 / size, or 0 for 0: a loss relative to a target of 0 is left out."""
    return 1 / size if size else 0.0
