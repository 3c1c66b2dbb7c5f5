"""Wasserstein loss: distance of the activations to a style, as normal distributions.

The loss is that of Katherine Crowson's style-transfer-pytorch. The Wasserstein distance
of two normal distributions is that of Dowson & Landau (1982); its covariance part is
the squared Bures distance. C is the number of channels, N that of the positions of a
map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.content_tv import safe_reciprocal
from worker.engine.losses.statistics import (
    AffineGradient,
    accumulation_dtype,
    apply_affine_gradient,
    compute_raw_moments,
    to_rows,
)

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import SpatialWeights

# Share of the mean variance: far above the noise of float32, but not visible.
_RELATIVE_BLUR = 3e-4
_MIN_BLUR = 1e-12  # prevents 0 / 0; its square is still a float32


@dataclass(frozen=True, slots=True)
class NormalDistribution:
    """Normal distribution of the activations of a style.

    Attributes:
        mean: Mean m, (C,).
        root: Square root of the covariance S, (C, C), symmetric.
        variance: Total variance, tr(S).
        size: Mean squared length of an activation, |m|^2 + tr(S).
        blur: Variance below which differences are smoothed.
    """

    mean: Tensor
    root: Tensor
    variance: float
    size: float
    blur: float


@dataclass(frozen=True, slots=True)
class WassersteinLoss:
    """Squared Wasserstein-2 distance of two normal distributions.

    It is |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((R S1 R)^1/2) with R^2 = S2. There are
    two departures from crowsonkb. The root is computed from eigenvalues, not by
    Newton-Schulz. It is smoothed by `blur`, instead of adding 1e-4 to both covariances,
    since maps of few positions have singular covariances.

    Attributes:
        target: Distribution of the style, with R and m2.
        factor: Factor of the distance.
    """

    target: NormalDistribution
    factor: float

    def affine_gradient(self, moments: Tensor) -> AffineGradient:
        """Return value and gradient at an image with these raw moments, (C + 1, C).

        The gradient by an activation f is 2 (f - T(f)) with the optimal transport T. It
        is computed in float64, since covariances may be almost singular, and a root
        amplifies small values.
        """
        moments64 = _to_float64(moments)
        mean, root = moments64[0], _to_float64(self.target.root)
        covariance = moments64[1:] - mean.outer(mean)
        mean_difference = mean - _to_float64(self.target.mean)
        variance = covariance.trace() + self.target.variance
        fidelity, inverse = _compute_smooth_root(
            root @ covariance @ root, self.target.blur
        )
        value = mean_difference.square().sum() + variance - 2 * fidelity
        matrix = (root @ inverse @ root).neg_()
        matrix.diagonal().add_(1)
        matrix.mul_(2 * self.factor)
        offset = mean_difference.mul_(2 * self.factor) - matrix @ mean
        return AffineGradient(
            value=_to_accumulation(value * self.factor, moments),
            matrix=_to_accumulation(matrix, moments),
            offset=_to_accumulation(offset, moments),
        )

    def evaluate(
        self, features: Tensor, spatial_weights: SpatialWeights
    ) -> tuple[Tensor, Tensor]:
        """Return value, (), and gradient by a whole feature map, (1, C, H, W)."""
        _, channels, height, width = features.shape
        if height * width < channels:
            return self._evaluate_few(features, spatial_weights)
        affine = self.affine_gradient(compute_raw_moments(features, spatial_weights))
        return affine.value, apply_affine_gradient(features, affine, spatial_weights)

    def _evaluate_few(
        self, features: Tensor, spatial_weights: SpatialWeights
    ) -> tuple[Tensor, Tensor]:
        """Evaluate a map of N < C positions, with an N x N matrix instead of C x C.

        With N < C positions, R S R has the eigenvalues of an N x N matrix, and C - N
        zeros. The covariance is X^T X with X = w^1/2 (F - m1) and the weights w.
        """
        _, channels, height, width = features.shape
        rows, root = _to_float64(to_rows(features)), _to_float64(self.target.root)
        if isinstance(spatial_weights, float):
            weights = rows.new_tensor(spatial_weights)
        else:
            weights = _to_float64(spatial_weights)
        weights = weights.expand(1, 1, height, width).reshape(-1, 1)  # (N, 1)
        mean = (rows * weights).sum(0)  # (C,)
        mean_difference = mean - _to_float64(self.target.mean)
        centered = rows - mean
        scaled = centered * weights.sqrt()
        projected = scaled @ root
        fidelity, inverse = _compute_smooth_root(
            projected @ projected.T, self.target.blur
        )
        transported = (inverse @ projected @ root).mul_(weights.sqrt())
        variance = scaled.square().sum() + self.target.variance
        value = mean_difference.square().sum() + variance - 2 * fidelity
        gradient = (
            centered.add_(mean_difference)
            .mul_(weights)
            .sub_(transported)
            .mul_(2 * self.factor)
        )
        gradient_map = gradient.view(1, height, width, channels).permute(0, 3, 1, 2)
        value = _to_accumulation(value * self.factor, features)
        return value, _to_accumulation(gradient_map, features).to(features.dtype)


def make_wasserstein_loss(
    moments: Tensor, weight: float, loss_scale: LossScale
) -> WassersteinLoss:
    """Make the loss term of a style with these raw moments, (C + 1, C).

    With "relative" it is divided by |m|^2 + tr(S), the mean squared length of the
    style's activations; with "gatys" by C, as crowsonkb published. If all activations
    of the style are 0, the loss is left out.
    """
    target = fit_normal_distribution(moments)
    if loss_scale == "gatys":
        return WassersteinLoss(target, weight / len(target.mean))
    return WassersteinLoss(target, weight * safe_reciprocal(target.size))


def fit_normal_distribution(moments: Tensor) -> NormalDistribution:
    """Compute the normal distribution with these raw moments, in float64."""
    moments64 = _to_float64(moments)
    mean, second_moment = moments64[0], moments64[1:]
    values, vectors = torch.linalg.eigh(second_moment - mean.outer(mean))
    root = (vectors * values.clamp_(min=0).sqrt()) @ vectors.T
    size = float(second_moment.trace())
    blur = max(_RELATIVE_BLUR * size / len(mean), _MIN_BLUR)
    mean, root = _to_accumulation(mean, moments), _to_accumulation(root, moments)
    return NormalDistribution(mean, root, float(values.sum()), size, blur)


def _to_float64(moments: Tensor) -> Tensor:
    """Convert to float64, on the CPU if the device has none."""
    return (moments.cpu() if moments.device.type == "mps" else moments).double()


def _to_accumulation(tensor: Tensor, like: Tensor) -> Tensor:
    """Round to the precision of sums, then move to the device of `like`."""
    return tensor.to(accumulation_dtype(like)).to(like.device)


def _compute_smooth_root(matrix: Tensor, blur: float) -> tuple[Tensor, Tensor]:
    """Return tr((M + b^2)^1/2 - b), (), and (M + b^2)^-1/2; NaN if M is not finite.

    b is `blur`. Without it, the gradient is infinite where an eigenvalue is 0.
    """
    if not matrix.isfinite().all():  # eigh would raise an error
        return matrix.new_full((), torch.nan), torch.full_like(matrix, torch.nan)
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp_(min=0).add_(blur**2).sqrt_()
    return (roots - blur).sum(), (vectors / roots) @ vectors.T
