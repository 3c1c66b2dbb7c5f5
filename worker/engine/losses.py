"""The terms of the objective: each a value and its gradient, pure functions of tensors.

C is channels, H x W the feature map, N = H * W its positions. Gradients are written
out by hand (the network runs without autograd) and checked by finite differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

LossScale = Literal["relative", "gatys"]

_GRAY_LEVEL = 1 / 255


def gram_matrix(features: Tensor) -> Tensor:
    """Correlate every pair of channels, forgetting where they fired.

    Args:
        features: Activations of one layer, (1, C, H, W).

    Returns:
        (C, C), symmetric, divided by H * W so that images of different sizes
        compare. Gatys et al. (2016), eq. 3, has no such division.
    """
    rows = positions(features)  # (N, C)
    return (rows.T @ rows).div_(rows.shape[0])


def mean_gram(grams: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Blend the Gram matrices of several styles, (C, C); weights need not sum to 1."""
    share = 1 / sum(weights)
    return sum(
        (gram * (weight * share) for gram, weight in zip(grams, weights, strict=True)),
        start=grams[0].new_zeros(()),
    )


def content_loss(
    features: Tensor, target: Tensor, factor: float
) -> tuple[Tensor, Tensor]:
    """Half the squared distance of two feature maps; Gatys et al. (2016), eq. 1 and 2.

    Returns:
        factor * 1/2 |F - P|^2, (), and its gradient by F, (1, C, H, W).
    """
    error = features - target
    value = error.square().sum() * (factor / 2)
    return value, error.mul_(factor)


def style_loss(
    features: Tensor, target: Tensor, factor: float
) -> tuple[Tensor, Tensor]:
    """Squared distance of two Gram matrices; Gatys et al. (2016), eq. 4 and 6.

    Returns:
        factor * |G - A|^2, (), and its gradient by F, (1, C, H, W). Unlike eq. 6 it
        is not cut off where F is 0: the ReLU behind F does that.
    """
    _, channels, height, width = features.shape
    error = gram_matrix(features).sub_(target)  # (C, C)
    value = error.square().sum() * factor
    error.mul_(4 * factor / (height * width))
    gradient = positions(features) @ error  # (N, C)
    return value, gradient.view(1, height, width, channels).permute(0, 3, 1, 2)


def total_variation(image: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Difference between neighboring pixels, down and across, per pixel and channel.

    Charbonnier's smooth |d| = sqrt(d^2 + e^2) - e with e of one gray level: L-BFGS
    cannot learn the curvature of a corner. Dividing by the number of pixels lets a
    weight mean the same at every size.

    Args:
        image: (1, 3, H, W), RGB in [0, 1].
        factor: Multiplies both results.

    Returns:
        factor * sum |d| / (3 * H * W), (), and its gradient by the image.
    """
    factor = factor / image.numel()
    down, across = image.diff(dim=-2), image.diff(dim=-1)
    smooth_down = down.square().add_(_GRAY_LEVEL**2).sqrt_()
    smooth_across = across.square().add_(_GRAY_LEVEL**2).sqrt_()
    value = (smooth_down - _GRAY_LEVEL).sum() + (smooth_across - _GRAY_LEVEL).sum()
    slope_down = F.pad(down.div_(smooth_down), (0, 0, 1, 1))  # (1, 3, H + 1, W)
    slope_across = F.pad(across.div_(smooth_across), (1, 1))  # (1, 3, H, W + 1)
    gradient = slope_down.diff(dim=-2) + slope_across.diff(dim=-1)
    return value * factor, gradient.mul_(-factor)


def content_scale(loss_scale: LossScale, target: Tensor) -> float:
    """Constant of one content layer: 1 / |P|^2, or 1 as published."""
    return 1.0 if loss_scale == "gatys" else _reciprocal(target)


def style_scale(loss_scale: LossScale, target: Tensor) -> float:
    """Constant of one style layer: 1 / |A|^2, or 1 / (4 C^2) as published.

    The published 1 / (4 C^2 N^2) is for Gram matrices that are sums; ours are means,
    each over its own picture, which takes care of N^2 for styles of any size.
    """
    if loss_scale == "gatys":
        return 1 / (4 * target.shape[0] ** 2)
    return _reciprocal(target)


def _reciprocal(target: Tensor) -> float:
    """1 / |T|^2; 0 for a silent target: nothing to be relative to, left out."""
    size = float(target.square().sum())
    return 1 / size if size else 0.0


def positions(features: Tensor) -> Tensor:
    """(1, C, H, W) as (N, C), without a copy where channels are innermost."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
