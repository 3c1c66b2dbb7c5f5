"""Relations loss of an image, whole or in tiles: positions, targets, evaluation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from shared.params.memory import MAX_POSITIONS
from worker.engine.losses.relations import compute_relations, relation_loss
from worker.engine.losses.statistics import to_accumulation_dtype, to_rows
from worker.engine.targets import compute_minimum_power

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.images.pyramid import Size
    from worker.engine.images.tiling import Tile
    from worker.engine.targets import TiledFeatureExtractor

# Chosen so that a content weight means about the same as with squared differences.
_RELATIVE_FACTOR = 20.0
_SMOOTHING_SHARE = 1e-4  # share of the mean squared length of the photo's activations


class RelationContentLoss:
    """Content loss of a whole image, and its gradients at each tile.

    The compared positions are fixed and evenly spaced: docs/adr/0037.

    Args:
        extractor: Feature extractor for images of the content's size.
        content: Photo, (1, C, H, W).
        weights: Weights of the content layers; at least one.
        params: Parameters with the scale of the loss.
        after_tile: Callback after each tile.
    """

    def __init__(
        self,
        extractor: TiledFeatureExtractor,
        content: Tensor,
        weights: Mapping[str, float],
        params: StyleParams,
        after_tile: Callable[[], None],
    ) -> None:
        self._extractor = replace(extractor, layer_names=weights.keys())
        self._after_tile = after_tile
        relative = params.loss_scale == "relative"
        factor = _RELATIVE_FACTOR if relative else 1.0
        self._factors = {name: weight * factor for name, weight in weights.items()}
        self._numbers = {
            name: number_positions(size, content.device)
            for name, size in self._extractor.map_sizes.items()
            if name in weights
        }
        minimum = compute_minimum_power(extractor.network, weights.keys())
        self._smoothings: dict[str, float] = {}
        self._targets: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        for name, rows in self._gather(content).items():
            power = max(float(rows.square().mean()), minimum[name])
            self._smoothings[name] = _SMOOTHING_SHARE * power * rows.shape[1]
            self._targets[name] = compute_relations(rows, self._smoothings[name])

    def evaluate(self, image: Tensor) -> Tensor:
        """Evaluate an image in tiles, (1, C, H, W): the first of two passes over them.

        Returns:
            The loss, (). After it, `tile_gradient` returns the gradients.
        """
        total = image.new_zeros(())
        for name, rows in self._gather(image).items():
            value, self._gradients[name] = self._evaluate_rows(name, rows)
            total = total + value
        return total

    def tile_gradient(
        self, name: str, core: Tensor, tile: Tile
    ) -> tuple[Tensor, Tensor] | None:
        """Return value and gradient by the activations at a tile's core.

        With several tiles the value is 0, since `evaluate` has returned it.

        Args:
            name: Name of the layer; without a content weight, the result is None.
            core: Activations, (1, C, h, w).
            tile: Tile of the image.
        """
        if name not in self._factors:
            return None
        rows = to_rows(core)
        numbers, places = self._find_positions(name, tile)
        if len(self._extractor.tiles) == 1:
            chosen = to_accumulation_dtype(rows[places])
            value, gradient = self._evaluate_rows(name, chosen)
        else:
            value, gradient = rows.new_zeros(()), self._gradients[name][numbers]
        spread = torch.zeros_like(rows)
        spread[places] = gradient.to(rows.dtype)
        shape = (1, *core.shape[2:], core.shape[1])
        return value, spread.view(shape).permute(0, 3, 1, 2)

    def _evaluate_rows(self, name: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        factor, smoothing = self._factors[name], self._smoothings[name]
        return relation_loss(rows, self._targets[name], factor, smoothing)

    def _gather(self, image: Tensor) -> dict[str, Tensor]:
        """Return the activations at the positions of all tiles, (n, C) by layer."""
        gathered: dict[str, Tensor] = {}
        for tile in self._extractor.tiles:
            for name, core in self._extractor.extract(image, tile):
                numbers, places = self._find_positions(name, tile)
                rows = to_accumulation_dtype(to_rows(core)[places])
                if name not in gathered:
                    count = int(self._numbers[name].max()) + 1
                    gathered[name] = rows.new_empty((count, rows.shape[1]))
                gathered[name][numbers] = rows
            self._after_tile()
        return gathered

    def _find_positions(self, name: str, tile: Tile) -> tuple[Tensor, Tensor]:
        """Return the numbers of the positions in a tile's core, and their rows."""
        stride = self._extractor.strides[name]
        numbers = tile.slice_core(self._numbers[name], stride).flatten()
        places = (numbers >= 0).nonzero().flatten()
        return numbers[places], places


def number_positions(size: Size, device: torch.device) -> Tensor:
    """Number the positions of an even grid in a feature map; others get -1.

    Returns:
        Numbers, (1, 1, H, W); all positions have one if there are at most
        `MAX_POSITIONS`.
    """
    height, width = size
    step = math.isqrt(max(1, height * width // MAX_POSITIONS))
    while math.ceil(height / step) * math.ceil(width / step) > MAX_POSITIONS:
        step += 1
    numbers = torch.full(size, -1)
    row_start, column_start = ((side - 1) % step // 2 for side in size)
    grid = numbers[row_start::step, column_start::step]
    grid.copy_(torch.arange(grid.numel()).view(grid.shape))
    return numbers.view(1, 1, *size).to(device)
