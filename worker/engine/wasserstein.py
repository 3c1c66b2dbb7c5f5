"""A style as a normal distribution of activations, and the distance between two.

Katherine Crowson's style-transfer-pytorch is the source of the loss; the Wasserstein
distance of two normal distributions is that of Dowson & Landau (1982), its covariance
part the squared Bures distance. C is channels, N the positions of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.losses import positions

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.losses import LossScale

_BLUR = 1e-4  # of the mean variance: above the noise of float32, below what is seen
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


def raw_moments(features: Tensor) -> Tensor:
    """First and second moment of a map's activations; moments of styles can be blended.

    Args:
        features: Activations of one layer, (1, C, H, W).

    Returns:
        (C + 1, C): the mean over a matrix of mean products.
    """
    rows = positions(features)  # (N, C)
    return torch.cat([rows.mean(0)[None], (rows.T @ rows).div_(rows.shape[0])])


def normal(moments: Tensor) -> Normal:
    """Make the distribution that has these `raw_moments`; once per scale, in float64.

    On the CPU, since not every device has float64.
    """
    exact = moments.cpu().double()
    mean, square = exact[0], exact[1:]
    values, vectors = torch.linalg.eigh(square - mean.outer(mean))
    root = (vectors * values.clamp_(min=0).sqrt()) @ vectors.T
    size = float(square.trace())
    blur = max(_BLUR * size / len(mean), _SMALLEST)
    return Normal(mean.to(moments), root.to(moments), float(values.sum()), size, blur)


def wasserstein_loss(
    features: Tensor, target: Normal, factor: float
) -> tuple[Tensor, Tensor]:
    """Squared Wasserstein-2 distance of two normal distributions.

    |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((R S1 R)^1/2), R^2 = S2. Departures from
    crowsonkb: the root comes from eigenvalues, not from Newton-Schulz, and is smoothed
    by `blur`, where 1e-4 was added to both covariances: maps of few positions have
    singular ones.

    Returns:
        factor * the distance, (), and its gradient by F, (1, C, H, W): that of an
        activation f is 2 / N (f - T(f)), T the optimal transport to the target.
    """
    _, channels, height, width = features.shape
    rows = positions(features)  # (N, C)
    gap = rows.mean(0)  # (C,)
    centered = rows - gap
    gap = gap.sub_(target.mean)
    variance = centered.square().sum() / len(rows) + target.variance
    fidelity, transported = _transport(centered, target)
    value = gap.square().sum() + variance - 2 * fidelity
    gradient = centered.sub_(transported).add_(gap).mul_(2 * factor / len(rows))
    shaped = gradient.view(1, height, width, channels).permute(0, 3, 1, 2)
    return value * factor, shaped


def wasserstein_scale(loss_scale: LossScale, target: Normal) -> float:
    """Constant of one layer: 1 / (|m|^2 + tr(S)), or 1 / C as crowsonkb published.

    The first is the mean squared length of the style's own activations. A silent
    target is left out.
    """
    if loss_scale == "gatys":
        return 1 / len(target.mean)
    return 1 / target.size if target.size else 0.0


def _transport(centered: Tensor, target: Normal) -> tuple[Tensor, Tensor]:
    """Fidelity tr((R S R)^1/2), (), and the rows carried over, (N, C).

    R S R of N < C positions has the eigenvalues of an N x N matrix, and C - N zeros.
    """
    count, root = len(centered), target.root
    if count < len(root):
        seen = centered @ root  # (N, C)
        fidelity, inverse = _smooth_root(seen @ seen.T / count, target.blur)
        return fidelity, inverse @ seen @ root
    covariance = (centered.T @ centered).div_(count)
    fidelity, inverse = _smooth_root(root @ covariance @ root, target.blur)
    return fidelity, centered @ (root @ inverse @ root)


def _smooth_root(matrix: Tensor, blur: float) -> tuple[Tensor, Tensor]:
    """Trace of (M + b^2)^1/2 - b, (), and (M + b^2)^-1/2; NaN for what is not finite.

    Without b the slope is infinite where an eigenvalue is 0.
    """
    if not matrix.isfinite().all():  # eigh would raise
        return matrix.new_full((), torch.nan), torch.full_like(matrix, torch.nan)
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp_(min=0).add_(blur**2).sqrt_()
    return (roots - blur).sum(), (vectors / roots) @ vectors.T
