"""Relations loss: compares the distances between the positions of two pictures.

It is the content loss of Kolkin et al. (2019), "Style Transfer by Relaxed Optimal
Transport and Self-Similarity", CVPR (arXiv 1904.12785). Colors and textures may change,
as long as similar positions stay similar, and different ones different.

Gradients are written by hand. The tests check them by finite differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Share of the mean distance below which the absolute difference is smoothed.
_SMOOTHING = 0.1
# Value added to each mean, which is 0 for a picture of one color: docs/adr/0037.
_MIN_MEAN_DISTANCE = 0.1


def compute_relations(rows: Tensor, smoothing: float) -> Tensor:
    """Compute cosine distances of all pairs of positions, divided by column means.

    Args:
        rows: Activations at n positions, (n, C).
        smoothing: Value that is added to each squared length, so that activations of
            length 0 get the direction 0.

    Returns:
        Relations, (n, n): D_ij / (mean_i D_ij + 0.1) with D_ij = 1 - cos(h_i, h_j).
        Without the 0.1 it is n times that of the paper, so that values do not depend
        on n.
    """
    relations, _ = _divide_by_means(_normalize(rows, smoothing)[0])
    return relations


def relation_loss(
    rows: Tensor, target: Tensor, factor: float, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Compute the mean difference of two pictures' relations, with a smooth |x|.

    |x| is Charbonnier's sqrt(x^2 + e^2) - e, since L-BFGS cannot estimate the curvature
    of a corner.

    Args:
        rows: Activations at n positions, (n, C).
        target: Relations of the photo at the same positions, (n, n).
        factor: Factor of value and gradient.
        smoothing: As for `compute_relations`.

    Returns:
        factor * mean_ij |R_ij - T_ij|, (), and its gradient by the rows, (n, C).
    """
    directions, inverse_lengths = _normalize(rows, smoothing)
    relations, inverse_means = _divide_by_means(directions)
    difference = relations - target
    smooth = difference.square().add_(_SMOOTHING**2).sqrt_()
    # The gradient by R, then by D: a column's mean depends on each of its distances.
    slope = difference.div_(smooth).mul_(factor / target.numel())
    value = smooth.sub_(_SMOOTHING).clamp_(min=0).mean() * factor
    column_slope = (relations.mul_(slope)).mean(0, keepdim=True)
    slope.sub_(column_slope).mul_(inverse_means)
    by_direction = -(slope @ directions + slope.mT @ directions)
    along = (directions * by_direction).sum(1, keepdim=True)
    return value, by_direction.sub_(directions * along).mul_(inverse_lengths)


def _normalize(rows: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the directions, (n, C), and the inverse lengths, (n, 1)."""
    inverse = rows.square().sum(1, keepdim=True).add_(smoothing).rsqrt_()
    return rows * inverse, inverse


def _divide_by_means(directions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the relations, (n, n), and the inverse mean of each column, (1, n)."""
    distances = (directions @ directions.mT).neg_().add_(1)
    means = distances.mean(0, keepdim=True)
    inverse = means.add_(_MIN_MEAN_DISTANCE).reciprocal_()
    return distances.mul_(inverse), inverse
