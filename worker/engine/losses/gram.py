"""Gram loss: compares the correlations of activations with those of a style.

It also compares the mean and the standard deviation of each channel, as in Galerne et
al. (2024), "Scaling Painting Style Transfer", Computer Graphics Forum (arXiv
2212.13459). C is the number of channels, N that of the positions of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.losses.content_tv import safe_reciprocal
from worker.engine.losses.statistics import (
    AffineGradient,
    apply_affine_gradient,
    compute_raw_moments,
)

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import SpatialWeights

_GRAM_SHARE = (
    0.5  # with it, a style weight keeps as much of the photo as without moments
)
# Share of the mean variance that is added, since the square root has an infinite slope
# at a variance of 0.
_RELATIVE_BLUR = 3e-4
_MIN_BLUR = 1e-12  # its root is still a float32


@dataclass(frozen=True, slots=True)
class GramLoss:
    """Squared distances of Gram matrices, of means and of standard deviations.

    The loss is factor |G - A|^2 + moment_factor (|m - n|^2 + |s - t|^2). Its first term
    is that of Gatys et al. (2016), eq. 4 and 6. Unlike in eq. 6, the gradient is not 0
    where F is 0: the backward pass of the layer's ReLU sets it to 0.

    Attributes:
        target: Raw moments of the style, (C + 1, C): the mean n above A.
        factor: Factor of the Gram matrices.
        moment_factor: Factor of the means and standard deviations.
        blur: Variance that is added to the variance of each channel.
    """

    target: Tensor
    factor: float
    moment_factor: float
    blur: float

    def affine_gradient(self, moments: Tensor) -> AffineGradient:
        """Return value and gradient at an image with these raw moments, (C + 1, C)."""
        errors = moments - self.target
        mean_error, gram_error = errors[0], errors[1:]
        deviation = (_compute_variances(moments) + self.blur).sqrt()
        goal = (_compute_variances(self.target) + self.blur).sqrt()
        deviation_error = deviation - goal
        moment_error = mean_error.square().sum() + deviation_error.square().sum()
        value = gram_error.square().sum() * self.factor
        value += moment_error * self.moment_factor
        # The gradient of a deviation s by an activation f is w (f - m) / s.
        slope = deviation_error / deviation * (2 * self.moment_factor)
        matrix = gram_error.mul_(4 * self.factor)
        matrix.diagonal().add_(slope)
        offset = mean_error * (2 * self.moment_factor) - slope * moments[0]
        return AffineGradient(value, matrix, offset)

    def evaluate(
        self, features: Tensor, spatial_weights: SpatialWeights
    ) -> tuple[Tensor, Tensor]:
        """Return value, (), and gradient by a whole feature map, (1, C, H, W)."""
        affine = self.affine_gradient(compute_raw_moments(features, spatial_weights))
        return affine.value, apply_affine_gradient(features, affine, spatial_weights)


def make_gram_loss(moments: Tensor, weight: float, loss_scale: LossScale) -> GramLoss:
    """Make the loss term of a style with these raw moments, (C + 1, C).

    With "relative", half of |G - A|^2 is divided by |A|^2, and the other terms by the
    mean squared length of an activation, |n|^2 + |t|^2. With "gatys", as published by
    Gatys et al., the first term is divided by 4 C^2, and the others are left out. Their
    1 / (4 C^2 N^2) is for Gram matrices that are sums. Here they are means over the
    positions of each image, which replaces N^2 for styles of any size.
    """
    gram = moments[1:]
    variance = float(_compute_variances(moments).mean())
    blur = max(_RELATIVE_BLUR * variance, _MIN_BLUR)
    if loss_scale == "gatys":
        return GramLoss(moments, weight / (4 * len(gram) ** 2), 0.0, blur)
    gram_size, size = float(gram.square().sum()), float(gram.trace())
    return GramLoss(
        moments,
        weight * _GRAM_SHARE * safe_reciprocal(gram_size),
        weight * safe_reciprocal(size),
        blur,
    )


def _compute_variances(moments: Tensor) -> Tensor:
    """Return the variance of each channel, (C,)."""
    return (moments[1:].diagonal() - moments[0].square()).clamp_(min=0)
