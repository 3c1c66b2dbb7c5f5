"""Content loss by relations: how unlike each pair of positions of a picture is.

Kolkin et al. (2019), "Style Transfer by Relaxed Optimal Transport and
Self-Similarity", CVPR (arXiv 1904.12785), the content loss. Colors and textures may
change as long as what was alike stays alike, and what was unlike stays unlike.

Gradients are written out by hand and checked by finite differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Share of the mean distance at which the absolute difference is rounded.
_SMOOTHING = 0.1
# Added to each mean, which is 0 for a picture of one color: docs/adr/0037.
_MIN_MEAN_DISTANCE = 0.1


def compute_relations(rows: Tensor, smoothing: float) -> Tensor:
    """Compute the cosine distance of each pair of positions over its column's mean.

    Args:
        rows: Activations at n positions, (n, C).
        smoothing: Square of a length that is added to each squared length, so that
            activations that are all 0 have a direction, too: none.

    Returns:
        (n, n): D_ij / (mean_i D_ij + 0.1) with D_ij = 1 - cos(h_i, h_j). Without the
        0.1 it is n times what the paper has, so that values do not depend on n.
    """
    relations, _ = _divide_by_means(_normalize(rows, smoothing)[0])
    return relations


def relation_loss(
    rows: Tensor, target: Tensor, factor: float, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Compute the mean difference of two pictures' relations, with a smooth |x|.

    Charbonnier's sqrt(x^2 + e^2) - e: L-BFGS cannot learn the curvature of a corner.

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
    # By R, then by D: the mean of a column depends on each of its distances.
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
