"""Neighbors loss: each cell of the picture becomes like one cell of a painting.

It is that of Kolkin et al. (2022), "Neural Neighbor Style Transfer" (arXiv 2203.13215).
A hypercolumn is the activations of all style layers at a cell of 4 x 4 px, as one
vector, stored by layer. The loss is the cosine distance to a target: the painting's
hypercolumn that is most similar to the photo's in this cell. C is the number of
channels of a layer, N the number of cells of a picture, M that of a painting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from worker.engine.losses.statistics import accumulation_dtype, to_accumulation_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from worker.engine.images.pyramid import Size

    Columns = Mapping[str, Tensor]  # hypercolumns: (N, C) by layer

CELL_PX = 4  # side of the cell that a hypercolumn describes
_BLOCK_VALUES = 2**24  # similarities computed at a time: 64 MiB
_MIN_LENGTH = 1e-6  # shorter hypercolumns (of a black picture) get the direction 0


def count_cells(size: Size) -> Size:
    """Return the rows and columns of cells of a picture of (height, width); above 0."""
    return max(1, size[0] // CELL_PX), max(1, size[1] // CELL_PX)


def pool_to_cells(features: Tensor, stride: int, size: Size) -> Tensor:
    """Resample a feature map to cells: means of a finer map, copies of a coarser one.

    The published resampling is bilinear, whose gradient is not deterministic on CUDA.

    Args:
        features: Feature map, (1, C, H, W).
        stride: Distance between its positions, px.
        size: Rows and columns of cells.

    Returns:
        Activations by cell, (1, C, *size).
    """
    if stride < CELL_PX:
        return F.avg_pool2d(features, _window(features, stride))
    if stride > CELL_PX:
        features = F.interpolate(
            features, scale_factor=stride / CELL_PX, mode="nearest"
        )
    for dim, cells in zip((2, 3), size, strict=True):
        features = features.narrow(dim, 0, min(cells, features.shape[dim]))
        missing = cells - features.shape[dim]
        if missing:  # the last position is repeated for the rest at the edge
            last = features.narrow(dim, features.shape[dim] - 1, 1)
            features = torch.cat([features, *[last] * missing], dim)
    return features


def spread_from_cells(gradient: Tensor, features: Tensor, stride: int) -> Tensor:
    """Propagate a gradient by cells back to the feature map.

    Args:
        gradient: Gradient by the result of `pool_to_cells`, (1, C, rows, columns).
        features: Feature map that was pooled, (1, C, H, W).
        stride: Distance between its positions, px.

    Returns:
        Gradient by the feature map, (1, C, H, W).
    """
    _, _, rows, columns = gradient.shape
    if stride < CELL_PX:
        down, across = _window(features, stride)
        result = torch.zeros_like(features)
        cells = result[..., : rows * down, : columns * across]
        cells = cells.unflatten(2, (rows, down)).unflatten(4, (columns, across))
        cells.copy_((gradient / (down * across))[:, :, :, None, :, None])
        return result
    copies = stride // CELL_PX
    if copies > 1:
        padding = (0, -columns % copies, 0, -rows % copies)
        gradient = F.avg_pool2d(F.pad(gradient, padding), copies).mul_(copies**2)
    for dim in (2, 3):
        length = features.shape[dim]
        rest = gradient.shape[dim] - length
        if rest > 0:  # those cells are copies of the last position
            last = gradient.narrow(dim, length - 1, 1)
            last += gradient.narrow(dim, length, rest).sum(dim, keepdim=True)
            gradient = gradient.narrow(dim, 0, length)
    return gradient


def _window(features: Tensor, stride: int) -> list[int]:
    return [min(CELL_PX // stride, side) for side in features.shape[2:]]


def pool_labels(labels: Tensor, count: int, size: Size) -> Tensor:
    """Return the share of each label in each cell, (1, count, rows, columns), float16.

    Shares are multiples of 1 / 16, which float16 stores exactly.

    Args:
        labels: Numbers of labels, (1, 1, any, any), uint8; `count` or more: no label.
        count: Number of labels.
        size: Height and width, px, of the picture that they are stretched over.
    """
    labels = F.interpolate(labels, size, mode="nearest-exact")
    cells = count_cells(size)
    planes = [
        pool_to_cells((labels == number).float(), 1, cells).half()
        for number in range(count)
    ]
    return torch.cat(planes, 1)


def sum_products(left: Tensor, right: Tensor) -> Tensor:
    """Sum the products of two maps over the channels, (1, 1, H, W), in float32."""
    return (left * right).sum(1, keepdim=True, dtype=accumulation_dtype(left))


def normalize(columns: Columns, *, centered: bool = False) -> dict[str, Tensor]:
    """Divide hypercolumns by their length over all layers; zeros stay zero.

    Args:
        columns: Hypercolumns, (M, C) by layer.
        centered: Whether their mean is subtracted first.
    """
    parts = {}
    for name, part in columns.items():
        wide = to_accumulation_dtype(part)
        parts[name] = wide - wide.mean(0) if centered else wide.clone()
    square = torch.stack([part.square().sum(1) for part in parts.values()]).sum(0)
    length = square.sqrt_().clamp_(min=_MIN_LENGTH)[:, None]
    return {name: part.div_(length) for name, part in parts.items()}


def match_neighbors(
    columns: Columns,
    mean: Columns,
    candidates: Columns,
    after_block: Callable[[], None],
    labels: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Find the candidate with the least cosine distance for each hypercolumn.

    Each set is centered by its mean first, so that photos and paintings of different
    colors can be compared. Among equal candidates, the first one is chosen.

    Labels guide the search as in Champandard (2016), "Semantic Style Transfer and
    Turning Two-Bit Doodles into Fine Artworks" (arXiv 1603.01768), where they are
    further channels of the columns. In this function their product is added to the
    cosine, so that their weight means the same for all layers: the best candidate has
    the largest cos + l(p) . l(q).

    Args:
        columns: Hypercolumns of a picture, or of a part of it, (N, C) by layer.
        mean: Mean hypercolumn of the whole picture, (C,) by layer.
        candidates: Hypercolumns of a painting, centered and normalized, (M, C).
        after_block: Callback after each block of similarities.
        labels: Share of each label in the columns, (N, L), and the weighted share in
            the candidates, (M, L); None to use only the cosine.

    Returns:
        Indices of candidates, (N,), int64.
    """
    offset = torch.stack([part @ mean[name] for name, part in candidates.items()])
    offset = offset.sum(0)  # (M,)
    count = len(next(iter(columns.values())))
    rows = max(1, _BLOCK_VALUES // len(offset))
    best = []
    for start in range(0, count, rows):
        # The length of a column does not change which candidate is its best.
        scores, square = -offset, offset.new_zeros(())
        for name, part in candidates.items():
            block = to_accumulation_dtype(columns[name][start : start + rows])
            scores = scores + block @ part.T
            if labels is not None:
                square = square + (block - mean[name]).square().sum(1)
        if (
            labels is not None
        ):  # scores are cosine times length, so labels are scaled, too
            length = square.sqrt().clamp_(min=_MIN_LENGTH)[:, None]
            shares = labels[0][start : start + rows].to(length.dtype) * length
            scores = scores + shares @ labels[1].to(length.dtype).T
        best.append(scores.argmax(1))
        after_block()
    return torch.cat(best)
