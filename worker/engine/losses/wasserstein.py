"""A style as a normal distribution of activations, and the distance between two.

Katherine Crowson's style-transfer-pytorch is the source of the loss; the Wasserstein
distance of two normal distributions is that of Dowson & Landau (1982), its covariance
part the squared Bures distance. C is channels, N the positions of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.content_tv import reciprocal
from worker.engine.losses.statistics import Slope, pull, raw_moments, rows_of
from worker.engine.vgg.precision import sum_type

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import Share

_BLUR = 3e-4  # of the mean variance: far above the noise of float32, below what is seen
_SMALLEST = 1e-12  # keeps 0 / 0 away; its square is still a float32


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution to come close to.

    Attributes:
        mean: (C,).
        root: Square root of the covariance S, (C, C), symmetric.
        variance: tr(S).
        size: |mean|^2 + tr(S), the mean squared length of an activation.
        blur: Below this standard deviation squared, differences fade.
    """

    mean: Tensor
    root: Tensor
    variance: float
    size: float
    blur: float


@dataclass(frozen=True, slots=True)
class NormalTerm:
    """Squared Wasserstein-2 distance of two normal distributions.

    |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((R S1 R)^1/2), R^2 = S2. Departures from
    crowsonkb: the root comes from eigenvalues, not from Newton-Schulz, and is smoothed
    by `blur`, where 1e-4 was added to both covariances: maps of few positions have
    singular ones.

    Attributes:
        target: R, m2 and what else is known of the style.
        factor: The value is factor * the distance.
    """

    target: Normal
    factor: float

    def slope(self, moments: Tensor) -> Slope:
        """Value and pull at a picture that has these raw moments, (C + 1, C).

        The gradient by an activation f is 2 (f - T(f)), T the optimal transport. In
        float64: covariances come near singular ones, and a root makes much of little.
        """
        exact = _exact(moments)
        mean, root = exact[0], _exact(self.target.root)
        covariance = exact[1:] - mean.outer(mean)
        gap = mean - _exact(self.target.mean)
        variance = covariance.trace() + self.target.variance
        fidelity, inverse = _smooth_root(root @ covariance @ root, self.target.blur)
        value = gap.square().sum() + variance - 2 * fidelity
        matrix = (root @ inverse @ root).neg_()
        matrix.diagonal().add_(1)
        matrix.mul_(2 * self.factor)
        offset = gap.mul_(2 * self.factor) - matrix @ mean
        return Slope(
            value=_back(value * self.factor, moments),
            matrix=_back(matrix, moments),
            offset=_back(offset, moments),
        )

    def evaluate(self, features: Tensor, share: Share) -> tuple[Tensor, Tensor]:
        """Value, (), and gradient by a whole map, (1, C, H, W)."""
        _, channels, height, width = features.shape
        if height * width < channels:
            return self._evaluate_few(features, share)
        slope = self.slope(raw_moments(features, share))
        return slope.value, pull(features, slope, share)

    def _evaluate_few(self, features: Tensor, share: Share) -> tuple[Tensor, Tensor]:
        """The same through an N x N matrix instead of one of C x C.

        R S R of N < C positions has the eigenvalues of an N x N matrix, and C - N
        zeros. With X = share^1/2 (F - m1) its covariance is X^T X.
        """
        _, channels, height, width = features.shape
        rows, root = _exact(rows_of(features)), _exact(self.target.root)
        part = rows.new_tensor(share) if isinstance(share, float) else _exact(share)
        part = part.expand(1, 1, height, width).reshape(-1, 1)  # (N, 1)
        mean = (rows * part).sum(0)  # (C,)
        gap = mean - _exact(self.target.mean)
        centered = rows - mean
        scaled = centered * part.sqrt()
        seen = scaled @ root
        fidelity, inverse = _smooth_root(seen @ seen.T, self.target.blur)
        carried = (inverse @ seen @ root).mul_(part.sqrt())
        variance = scaled.square().sum() + self.target.variance
        value = gap.square().sum() + variance - 2 * fidelity
        gradient = centered.add_(gap).mul_(part).sub_(carried).mul_(2 * self.factor)
        shaped = gradient.view(1, height, width, channels).permute(0, 3, 1, 2)
        value = _back(value * self.factor, features)
        return value, _back(shaped, features).to(features.dtype)


def normal_term(moments: Tensor, weight: float, loss_scale: LossScale) -> NormalTerm:
    """Aim at a style that has these raw moments, (C + 1, C).

    Over |m|^2 + tr(S), the mean squared length of the style's own activations, or over
    C as crowsonkb published. A silent target is left out.
    """
    target = normal(moments)
    if loss_scale == "gatys":
        return NormalTerm(target, weight / len(target.mean))
    return NormalTerm(target, weight * reciprocal(target.size))


def normal(moments: Tensor) -> Normal:
    """Make the distribution with these `raw_moments`; once per scale, in float64."""
    exact = _exact(moments)
    mean, square = exact[0], exact[1:]
    values, vectors = torch.linalg.eigh(square - mean.outer(mean))
    root = (vectors * values.clamp_(min=0).sqrt()) @ vectors.T
    size = float(square.trace())
    blur = max(_BLUR * size / len(mean), _SMALLEST)
    mean, root = _back(mean, moments), _back(root, moments)
    return Normal(mean, root, float(values.sum()), size, blur)


def _exact(moments: Tensor) -> Tensor:
    """In float64, on the CPU where the device has none."""
    return (moments.cpu() if moments.device.type == "mps" else moments).double()


def _back(exact: Tensor, like: Tensor) -> Tensor:
    """In the precision of sums and on the device of `like`; rounded before it moves."""
    return exact.to(sum_type(like)).to(like.device)


def _smooth_root(matrix: Tensor, blur: float) -> tuple[Tensor, Tensor]:
    """Trace of (M + b^2)^1/2 - b, (), and (M + b^2)^-1/2; NaN for what is not finite.

    Without b the slope is infinite where an eigenvalue is 0.
    """
    if not matrix.isfinite().all():  # eigh would raise
        return matrix.new_full((), torch.nan), torch.full_like(matrix, torch.nan)
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp_(min=0).add_(blur**2).sqrt_()
    return (roots - blur).sum(), (vectors / roots) @ vectors.T
