"""A style as the correlations of its activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.losses.content_tv import reciprocal
from worker.engine.losses.statistics import Slope, gram_matrix, pull

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import Share


@dataclass(frozen=True, slots=True)
class GramTerm:
    """Squared distance of two Gram matrices; Gatys et al. (2016), eq. 4 and 6.

    Attributes:
        target: A, (C, C).
        factor: The value is factor * |G - A|^2.
    """

    target: Tensor
    factor: float

    def slope(self, gram: Tensor) -> Slope:
        """Value and pull at a picture that has this Gram matrix, (C, C).

        Unlike eq. 6 the pull is not cut off where F is 0: the ReLU behind F does that.
        """
        error = gram - self.target
        return Slope(error.square().sum() * self.factor, error.mul_(4 * self.factor))

    def evaluate(self, features: Tensor, share: Share) -> tuple[Tensor, Tensor]:
        """Value, (), and gradient by a whole map, (1, C, H, W)."""
        slope = self.slope(gram_matrix(features, share))
        return slope.value, pull(features, slope, share)


def gram_term(gram: Tensor, weight: float, loss_scale: LossScale) -> GramTerm:
    """Aim at a style's Gram matrix.

    Over |A|^2, or over 4 C^2 as published. The published 1 / (4 C^2 N^2) is for Gram
    matrices that are sums; ours are means, each over its own picture, which takes care
    of N^2 for styles of any size.
    """
    if loss_scale == "gatys":
        return GramTerm(gram, weight / (4 * gram.shape[0] ** 2))
    return GramTerm(gram, weight * reciprocal(float(gram.square().sum())))
