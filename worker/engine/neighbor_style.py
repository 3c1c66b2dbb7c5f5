"""Neighbors loss of an image: candidates in the paintings, matches, evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from shared.params.memory import MAX_CANDIDATES
from worker.engine.images.region_masks import divide_into_regions, resize_mask
from worker.engine.losses.neighbors import (
    CELL_PX,
    count_cells,
    match_neighbors,
    normalize,
    pool_labels,
    pool_to_cells,
    spread_from_cells,
    sum_products,
)
from worker.engine.losses.statistics import to_accumulation_dtype, to_rows
from worker.engine.optimizers.base import ComponentState
from worker.engine.targets import build_feature_extractor, distribute_weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.images.inputs import Style
    from worker.engine.images.pyramid import PyramidScale, Size
    from worker.engine.images.tiling import RunLimits, Tile
    from worker.engine.losses.neighbors import Columns
    from worker.engine.targets import TiledFeatureExtractor

    # Function of a layer and its activations that returns the gradient by them.
    GradientAt = Callable[[str, Tensor], Tensor | None]

# Chosen by eye so that a style weight means about the same as with Gram matrices. A
# mean cosine distance of 1 / 32 counts like a relative error of 1 of a Gram matrix.
_RELATIVE_FACTOR = 32.0
_PHOTO_TO_IMAGE = 3.0  # ratio in the matched picture at content weight 1, as published
_MIN_REGION = 0.5  # share of a candidate that must lie in the region
_SMOOTHING_LENGTH = 1e-4  # added to |h| against a division by 0; black cells have 0.01


class NeighborMatches:
    """Matches of one scale: the index of a candidate for each cell, for each style.

    They are computed from the image that the scale began with. It no longer exists in
    mid-scale, so they are part of a snapshot. A change of weights does not change them.
    """

    def __init__(self) -> None:
        self.indices: dict[int, Tensor] = {}  # by style, (1, 1, rows, columns)

    def save_state(self) -> ComponentState:
        """Return the indices as float32, which is exact up to 2^24."""
        return ComponentState(
            {f"style_{style}": indices for style, indices in self.indices.items()}
        )

    def load_state(self, state: ComponentState) -> None:
        """Continue from saved indices."""
        for name, indices in state.tensors.items():
            self.indices[int(name.removeprefix("style_"))] = indices


class NeighborStyleLoss:
    """Style loss of an image: cosine distance of each hypercolumn to its target.

    In a cell with several styles, the weighted distances are added, with one target:
    sum w (1 - cos(h, t)) = sum w - (h / |h|) . sum w t / |t|.

    Args:
        extractor: Feature extractor of the style layers for images of the scale.
        params: Parameters of the loss.
        scale: Photo and paintings at the size of the scale.
        image: Image that the scale begins with, (1, C, H, W).
        matches: Matches of the scale; filled if they are empty.
        limits: Memory and callback after each tile.
    """

    def __init__(
        self,
        extractor: TiledFeatureExtractor,
        params: StyleParams,
        scale: PyramidScale,
        image: Tensor,
        matches: NeighborMatches,
        limits: RunLimits,
    ) -> None:
        self._extractor, self._params, self._limits = extractor, params, limits
        network = self._network = extractor.network
        layers = distribute_weight(params.style_layers, 1.0)
        channels = {
            layer.name: layer.channels for layer in network.layers_up_to(layers)
        }
        self._factors = {
            name: weight / channels[name] for name, weight in layers.items()
        }
        self._matches = matches
        self._shares = _distribute_to_styles(params, scale, image)
        self._candidates: dict[int, dict[str, Tensor]] = {}
        source = _choose_source(params, scale, image)
        mean = {} if matches.indices else self._compute_mean(source)
        for index in self._shares:
            candidates = self._find_candidates(scale.styles[index])
            if index not in matches.indices:
                labels = _pool_both_labels(params, scale, scale.styles[index])
                matches.indices[index] = self._match(source, mean, candidates, labels)
            self._candidates[index] = {
                name: part.to(network.precision)
                for name, part in normalize(candidates).items()
            }
        self._cached_targets: dict[str, Tensor] | None = None
        if len(self._extractor.tiles) == 1:
            self._cached_targets = self._compute_targets(self._extractor.tiles[0])
            self._candidates.clear()

    def evaluate(
        self, tile: Tile, activations: Mapping[str, Tensor]
    ) -> tuple[Tensor, GradientAt]:
        """Evaluate the loss at a tile's core.

        Args:
            tile: Tile of the image.
            activations: Activations of the tile's crop, (1, C, H, W), by layer.

        Returns:
            The loss, (), and a function of a layer's name and its activations that
            returns the gradient by them, (1, C, H, W); None for other layers.
        """
        if not self._shares:  # all masks are smaller than a pixel
            first = next(iter(activations.values()))
            return first.new_zeros(()), lambda _name, _features: None
        targets = self._cached_targets
        if targets is None:
            targets = self._compute_targets(tile)
        squares, products = [], []
        for name, target in targets.items():
            cells = self._pool_core(name, activations[name], tile)
            squares.append(sum_products(cells, cells) * self._factors[name] ** 2)
            products.append(sum_products(cells, target))
        inverse = torch.stack(squares).sum(0).add_(_SMOOTHING_LENGTH**2).rsqrt_()
        product = torch.stack(products).sum(0)
        shares = [
            tile.slice_core(share, CELL_PX).sum() for share in self._shares.values()
        ]
        value = torch.stack(shares).sum() - (product * inverse).sum()
        shrink = product * inverse**3

        def gradient_at(name: str, features: Tensor) -> Tensor | None:
            """Return the gradient by h = factor * features, times that factor.

            The gradient by h is (h . u) h / |h|^3 - u / |h|.
            """
            if name not in targets:
                return None
            cells = self._pool_core(name, features, tile)
            weight = (shrink * self._factors[name] ** 2).to(features.dtype)
            core = (targets[name] * -inverse.to(features.dtype)).addcmul_(cells, weight)
            stride = self._extractor.strides[name]
            if core.shape[2:] != (size := count_cells(_crop_size(tile))):
                crop = core.new_zeros((1, core.shape[1], *size))
                crop = crop.contiguous(memory_format=torch.channels_last)
                tile.crop_core(crop, CELL_PX).copy_(core)
                core = crop
            return spread_from_cells(core, features, stride)

        return value, gradient_at

    def _pool_core(self, name: str, features: Tensor, tile: Tile) -> Tensor:
        """Return the activations of one layer pooled to the cells of a tile's core."""
        size = count_cells(_crop_size(tile))
        cells = pool_to_cells(features, self._extractor.strides[name], size)
        return tile.crop_core(cells, CELL_PX)

    def _iterate_columns(
        self, extractor: TiledFeatureExtractor, image: Tensor
    ) -> Iterator[tuple[Tile, dict[str, Tensor]]]:
        """Yield the hypercolumns of an image, (N, C) by layer, tile by tile."""
        for tile in extractor.tiles:
            layers = extractor.network.iterate_activations(
                tile.crop(image), self._factors
            )
            yield (
                tile,
                {
                    name: to_rows(self._pool_core(name, features, tile))
                    * self._factors[name]
                    for name, features in layers
                },
            )
            self._limits.after_tile()

    def _find_candidates(self, style: Style) -> dict[str, Tensor]:
        """Return the hypercolumns of a painting or its region, (M, C) by layer."""
        size = style.image.shape[2], style.image.shape[3]
        # Numbers depend on places, not on tiles: a snapshot may resume in other tiles.
        numbers = _number_candidates(size, style.region, style.image.device)
        count = int(numbers.max()) + 1
        candidates: dict[str, Tensor] = {}
        extractor = build_feature_extractor(
            self._network, self._factors, size, self._params, self._limits
        )
        for tile, columns in self._iterate_columns(extractor, style.image):
            tile_numbers = tile.slice_core(numbers, CELL_PX).flatten()
            is_candidate = tile_numbers >= 0
            for name, part in columns.items():
                if name not in candidates:
                    candidates[name] = part.new_empty((count, part.shape[1]))
                candidates[name][tile_numbers[is_candidate]] = part[is_candidate]
        return candidates

    def _compute_mean(self, image: Tensor) -> dict[str, Tensor]:
        """Return the mean hypercolumn of an image, (C,) by layer."""
        sums: dict[str, Tensor] = {}
        for _, columns in self._iterate_columns(self._extractor, image):
            for name, part in columns.items():
                total = to_accumulation_dtype(part).sum(0)
                sums[name] = sums[name] + total if name in sums else total
        count = math.prod(count_cells(self._extractor.size))
        return {name: total / count for name, total in sums.items()}

    def _match(
        self,
        source: Tensor,
        mean: Columns,
        candidates: Columns,
        labels: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Return the best candidate for each cell, (1, 1, rows, columns)."""
        centered = normalize(candidates, centered=True)
        indices = source.new_zeros((1, 1, *count_cells(self._extractor.size)))
        for tile, columns in self._iterate_columns(self._extractor, source):
            core = tile.slice_core(indices, CELL_PX)
            of_tile = labels and (
                to_rows(tile.slice_core(labels[0], CELL_PX)),
                labels[1],
            )
            matched = match_neighbors(
                columns, mean, centered, self._limits.after_tile, of_tile
            )
            core.copy_(matched.view(core.shape))
        return indices

    def _compute_targets(self, tile: Tile) -> dict[str, Tensor]:
        """Return factor * sum w t / |t| at a tile's core, (1, C, rows, columns)."""
        targets: dict[str, Tensor] = {}
        for index, shares in self._shares.items():
            indices = tile.slice_core(self._matches.indices[index], CELL_PX)
            share = tile.slice_core(shares, CELL_PX)
            for name, part in self._candidates[index].items():
                picked = part[indices.flatten().long()].view(1, *share.shape[2:], -1)
                weight = (share * self._factors[name]).to(part.dtype)
                target = picked.permute(0, 3, 1, 2) * weight
                targets[name] = targets[name] + target if name in targets else target
        return targets


def _distribute_to_styles(
    params: StyleParams, scale: PyramidScale, image: Tensor
) -> dict[int, Tensor]:
    """Return the weight of each style in each cell, (1, 1, rows, columns), by index.

    Without masks, they sum to the weight of the loss.
    """
    regions = divide_into_regions(
        [style.mask for style in scale.styles],
        [style.weight for style in params.styles],
        scale.size,
        params.mask_feather,
    )
    size = count_cells(scale.size)
    factor = params.style_weight / math.prod(size)
    if params.loss_scale == "relative":
        factor *= _RELATIVE_FACTOR
    shares = {}
    for region in regions:
        mask = (
            image.new_ones((1, 1, *scale.size)) if region.mask is None else region.mask
        )
        cells = F.adaptive_avg_pool2d(mask, size) * (factor * region.strength)
        total = sum(region.style_weights.values())
        for index, weight in region.style_weights.items():
            shares[index] = cells * (weight / total)
    return shares


def _choose_source(params: StyleParams, scale: PyramidScale, image: Tensor) -> Tensor:
    """Choose the picture whose cells are matched: mostly the photo, to keep its forms.

    With a content weight of 1, a quarter of it is the image, as published. With a lower
    weight, the share of the image is larger, up to 1.
    """
    if not scale.index and params.content_weight:
        return scale.content
    share = 1 / (1 + _PHOTO_TO_IMAGE * params.content_weight)
    return scale.content.lerp(image, share)


def _pool_both_labels(
    params: StyleParams, scale: PyramidScale, style: Style
) -> tuple[Tensor, Tensor] | None:
    """Return the shares of labels in the photo's cells, weighted, and in candidates.

    The shapes are (1, L, rows, columns) and (M, L). Without labels the result is None.
    """
    if scale.labels is None or style.labels is None or not params.guidance_weight:
        return None
    count = int(scale.labels.max()) + 1
    size = style.image.shape[2], style.image.shape[3]
    device = style.image.device
    shares = to_rows(pool_labels(style.labels, count, size)).to(device)
    numbers = _number_candidates(size, style.region, device).flatten()
    photo = pool_labels(scale.labels, count, scale.size).to(device)
    return photo, shares[numbers >= 0] * params.guidance_weight


def _number_candidates(
    size: Size, region: Tensor | None, device: torch.device
) -> Tensor:
    """Number evenly spaced cells of a painting, (1, 1, rows, columns); others are -1.

    The numbers begin at 0.
    """
    rows, columns = count_cells(size)
    if region is None:
        is_inside = torch.ones(rows * columns, dtype=torch.bool)
    else:
        shares = F.adaptive_avg_pool2d(resize_mask(region, size), (rows, columns))
        is_inside = (shares >= min(_MIN_REGION, float(shares.max()))).flatten().cpu()
    inside = is_inside.nonzero().flatten()
    chosen = inside[:: math.ceil(len(inside) / MAX_CANDIDATES)]
    numbers = torch.full((rows * columns,), -1)
    numbers[chosen] = torch.arange(len(chosen))
    return numbers.view(1, 1, rows, columns).to(device)


def _crop_size(tile: Tile) -> Size:
    rows, columns = tile.rows, tile.columns
    return rows.crop_stop - rows.crop_start, columns.crop_stop - columns.crop_start
