"""The terms of the objective that look at places: content, and total variation.

Each is a value and its gradient, a pure function of tensors. Gradients are written out
by hand (the network runs without autograd) and checked by finite differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch.nn import functional as F

from worker.engine.vgg.precision import widened

if TYPE_CHECKING:
    from torch import Tensor

LossScale = Literal["relative", "gatys"]

_GRAY_LEVEL = 1 / 255
_ENDS = {-2: (0, 0, 1, 1), -1: (1, 1)}  # one more at both ends, down or across


def content_loss(
    features: Tensor, target: Tensor, factor: float
) -> tuple[Tensor, Tensor]:
    """Half the squared distance of two feature maps; Gatys et al. (2016), eq. 1 and 2.

    Returns:
        factor * 1/2 |F - P|^2, (), and its gradient by F, (1, C, H, W).
    """
    error = widened(features) - target
    value = error.square().sum() * (factor / 2)
    return value, error.mul_(factor).to(features.dtype)


def content_scale(loss_scale: LossScale, size: float) -> float:
    """Constant of one content layer: 1 / |P|^2, or 1 as published.

    Args:
        loss_scale: Which.
        size: |P|^2, or what a content that says next to nothing counts as.
    """
    return 1.0 if loss_scale == "gatys" else reciprocal(size)


def variation(image: Tensor, dim: int, factor: float) -> tuple[Tensor, Tensor]:
    """Difference between neighboring pixels along `dim`, -2 down or -1 across.

    Charbonnier's smooth |d| = sqrt(d^2 + e^2) - e with e of one gray level: L-BFGS
    cannot learn the curvature of a corner.

    Args:
        image: (1, C, H, W), colors in [0, 1].
        dim: Along which.
        factor: Multiplies both results.

    Returns:
        factor * sum |d|, (), and its gradient by the image.
    """
    step = image.diff(dim=dim)
    smooth = step.square().add_(_GRAY_LEVEL**2).sqrt_()
    value = smooth.sub(_GRAY_LEVEL).clamp_(min=0).sum() * factor
    slope = step.div_(smooth).mul_(-factor)
    return value, F.pad(slope, _ENDS[dim]).diff(dim=dim)


def add_variation(
    image: Tensor, gradient: Tensor, rows: slice, factor: float
) -> Tensor:
    """Total variation of some rows, down to the next one and across, per pixel.

    Dividing by the number of pixels lets a weight mean the same at every size. The
    strips of a picture add up to the whole.

    Args:
        image: (1, C, H, W), colors in [0, 1].
        gradient: Same shape; the gradient by the image is added to it.
        rows: Which.
        factor: Multiplies value and gradient.

    Returns:
        factor * sum |d| / (C * H * W), ().
    """
    factor = factor / image.numel()
    and_next = slice(rows.start, rows.stop + 1)
    across, slope = variation(image[..., rows, :], -1, factor)
    gradient[..., rows, :] += slope
    down, slope = variation(image[..., and_next, :], -2, factor)
    gradient[..., and_next, :] += slope
    return across + down


def reciprocal(size: float) -> float:
    """1 / size; 0 for nothing, which nothing can be relative to: left out."""
    return 1 / size if size else 0.0
