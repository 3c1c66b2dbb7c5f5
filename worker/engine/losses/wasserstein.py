"""Wasserstein loss: distance of the activations to a style, as normal distributions.

Katherine Crowson's style-transfer-pytorch is the source of the loss; the Wasserstein
distance of two normal distributions is that of Dowson & Landau (1982), its covariance
part the squared Bures distance. C is channels, N the positions of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.content_tv import safe_reciprocal
from worker.engine.losses.statistics import (
    AffineGradient,
    apply_affine_gradient,
    compute_raw_moments,
    to_rows,
)
from worker.engine.vgg.precision import accumulation_dtype

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import SpatialWeights

_RELATIVE_BLUR = (
    3e-4  # of the mean variance: far above the noise of float32, below what is seen
)
_MIN_BLUR = 1e-12  # keeps 0 / 0 away; its square is still a float32


@dataclass(frozen=True, slots=True)
class NormalDistribution:
    """Normal distribution of the activations of a style.

    Attributes:
        mean: m, (C,).
        root: Square root of the covariance S, (C, C), symmetric.
        variance: tr(S).
        size: |mean|^2 + tr(S), the mean squared length of an activation.
        blur: Differences of variances below this are smoothed out.
    """

    mean: Tensor
    root: Tensor
    variance: float
    size: float
    blur: float


@dataclass(frozen=True, slots=True)
class WassersteinLoss:
    """Squared Wasserstein-2 distance of two normal distributions.

    |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((R S1 R)^1/2), R^2 = S2. Departures from
    crowsonkb: the root comes from eigenvalues, not from Newton-Schulz, and is smoothed
    by `blur`, where 1e-4 was added to both covariances: maps of few positions have
    singular ones.

    Attributes:
        target: Distribution of the style, with R and m2.
        factor: Factor of the loss: the value is factor * the distance.
    """

    target: NormalDistribution
    factor: float

    def affine_gradient(self, moments: Tensor) -> AffineGradient:
        """Return value and gradient at an image with these raw moments, (C + 1, C).

        The gradient by an activation f is 2 (f - T(f)), T the optimal transport. In
        float64: covariances come near singular ones, and a root makes much of little.
        """
        exact = _to_float64(moments)
        mean, root = exact[0], _to_float64(self.target.root)
        covariance = exact[1:] - mean.outer(mean)
        gap = mean - _to_float64(self.target.mean)
        variance = covariance.trace() + self.target.variance
        fidelity, inverse = _compute_smooth_root(
            root @ covariance @ root, self.target.blur
        )
        value = gap.square().sum() + variance - 2 * fidelity
        matrix = (root @ inverse @ root).neg_()
        matrix.diagonal().add_(1)
        matrix.mul_(2 * self.factor)
        offset = gap.mul_(2 * self.factor) - matrix @ mean
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
        self, features: Tensor, share: SpatialWeights
    ) -> tuple[Tensor, Tensor]:
        """Evaluate a map of N < C positions, with an N x N matrix instead of C x C.

        R S R of N < C positions has the eigenvalues of an N x N matrix, and C - N
        zeros. With X = w^1/2 (F - m1), w the weights, its covariance is X^T X.
        """
        _, channels, height, width = features.shape
        rows, root = _to_float64(to_rows(features)), _to_float64(self.target.root)
        part = (
            rows.new_tensor(share) if isinstance(share, float) else _to_float64(share)
        )
        part = part.expand(1, 1, height, width).reshape(-1, 1)  # (N, 1)
        mean = (rows * part).sum(0)  # (C,)
        gap = mean - _to_float64(self.target.mean)
        centered = rows - mean
        scaled = centered * part.sqrt()
        seen = scaled @ root
        fidelity, inverse = _compute_smooth_root(seen @ seen.T, self.target.blur)
        carried = (inverse @ seen @ root).mul_(part.sqrt())
        variance = scaled.square().sum() + self.target.variance
        value = gap.square().sum() + variance - 2 * fidelity
        gradient = centered.add_(gap).mul_(part).sub_(carried).mul_(2 * self.factor)
        shaped = gradient.view(1, height, width, channels).permute(0, 3, 1, 2)
        value = _to_accumulation(value * self.factor, features)
        return value, _to_accumulation(shaped, features).to(features.dtype)


def make_wasserstein_loss(
    moments: Tensor, weight: float, loss_scale: LossScale
) -> WassersteinLoss:
    """Make the loss term of a style with these raw moments, (C + 1, C).

    It is divided by |m|^2 + tr(S), the mean squared length of the style's own activations, or by C
    as crowsonkb published. A style without activations is left out.
    """
    target = fit_normal_distribution(moments)
    if loss_scale == "gatys":
        return WassersteinLoss(target, weight / len(target.mean))
    return WassersteinLoss(target, weight * safe_reciprocal(target.size))


def fit_normal_distribution(moments: Tensor) -> NormalDistribution:
    """Fit the normal distribution with these raw moments; once per scale, in float64."""
    exact = _to_float64(moments)
    mean, square = exact[0], exact[1:]
    values, vectors = torch.linalg.eigh(square - mean.outer(mean))
    root = (vectors * values.clamp_(min=0).sqrt()) @ vectors.T
    size = float(square.trace())
    blur = max(_RELATIVE_BLUR * size / len(mean), _MIN_BLUR)
    mean, root = _to_accumulation(mean, moments), _to_accumulation(root, moments)
    return NormalDistribution(mean, root, float(values.sum()), size, blur)


def _to_float64(moments: Tensor) -> Tensor:
    """Convert to float64, on the CPU if the device has none."""
    return (moments.cpu() if moments.device.type == "mps" else moments).double()


def _to_accumulation(exact: Tensor, like: Tensor) -> Tensor:
    """Convert to the precision of sums and the device of `like`; rounded before it moves."""
    return exact.to(accumulation_dtype(like)).to(like.device)


def _compute_smooth_root(matrix: Tensor, blur: float) -> tuple[Tensor, Tensor]:
    """Return tr((M + b^2)^1/2 - b), (), and (M + b^2)^-1/2; NaN if M is not finite.

    Without b the gradient is infinite where an eigenvalue is 0.
    """
    if not matrix.isfinite().all():  # eigh would raise
        return matrix.new_full((), torch.nan), torch.full_like(matrix, torch.nan)
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp_(min=0).add_(blur**2).sqrt_()
    return (roots - blur).sum(), (vectors / roots) @ vectors.T
