"""Gram loss: compares the correlations of activations with those of a style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.losses.content_tv import safe_reciprocal
from worker.engine.losses.statistics import (
    AffineGradient,
    apply_affine_gradient,
    gram_matrix,
)

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import SpatialWeights


@dataclass(frozen=True, slots=True)
class GramLoss:
    """Squared distance of two Gram matrices; Gatys et al. (2016), eq. 4 and 6.

    Attributes:
        target: Gram matrix A of the style, (C, C).
        factor: Factor of the loss: the value is factor * |G - A|^2.
    """

    target: Tensor
    factor: float

    def affine_gradient(self, gram: Tensor) -> AffineGradient:
        """Return value and gradient at an image with this Gram matrix, (C, C).

        Unlike eq. 6 the gradient is not 0 where F is 0: the layer's ReLU does that.
        """
        error = gram - self.target
        return AffineGradient(
            error.square().sum() * self.factor, error.mul_(4 * self.factor)
        )

    def evaluate(
        self, features: Tensor, spatial_weights: SpatialWeights
    ) -> tuple[Tensor, Tensor]:
        """Return value, (), and gradient by a whole feature map, (1, C, H, W)."""
        affine = self.affine_gradient(gram_matrix(features, spatial_weights))
        return affine.value, apply_affine_gradient(features, affine, spatial_weights)


def make_gram_loss(gram: Tensor, weight: float, loss_scale: LossScale) -> GramLoss:
    """Make the loss term of a style's Gram matrix A.

    It is divided by |A|^2, or by 4 C^2 as published. The published 1 / (4 C^2 N^2) is
    for Gram matrices that are sums; ours are means, each over its own image, which
    takes care of N^2 for styles of any size.
    """
    if loss_scale == "gatys":
        return GramLoss(gram, weight / (4 * gram.shape[0] ** 2))
    return GramLoss(gram, weight * safe_reciprocal(float(gram.square().sum())))
