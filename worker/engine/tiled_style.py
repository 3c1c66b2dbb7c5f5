"""Style loss of an image in tiles: the first of two passes over the tiles.

The style statistics of the whole image are added up tile by tile: Galerne et al.
(2024), "Scaling Painting Style Transfer", Computer Graphics Forum (arXiv 2212.13459).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.statistics import apply_affine_gradient
from worker.engine.targets import STYLE_LOSSES, accumulate, crop_spatial_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from shared.params.style import StyleLoss
    from worker.engine.images.tiling import Tile
    from worker.engine.losses.statistics import AffineGradient
    from worker.engine.targets import StyleTarget, TiledFeatureExtractor

    Targets = Mapping[str, list[StyleTarget]]


class TiledStyleLoss:
    """Style loss of a whole image, and its gradients at each tile.

    Feature maps of fewer positions than channels are assembled and evaluated whole:
    their moments do not have full rank, and they are small.

    Args:
        extractor: Feature extractor with more than one tile.
        targets: Style targets by layer.
        style_loss: Kind of the targets.
        after_tile: Callback after each tile.
    """

    def __init__(
        self,
        extractor: TiledFeatureExtractor,
        targets: Targets,
        style_loss: StyleLoss,
        after_tile: Callable[[], None],
    ) -> None:
        self._extractor, self._targets = extractor, targets
        self._after_tile = after_tile
        self._compute_statistics, _ = STYLE_LOSSES[style_loss]
        self._affine_gradients: dict[str, list[AffineGradient]] = {}
        self._map_gradients: dict[str, list[Tensor]] = {}

    def evaluate(self, image: Tensor) -> Tensor:
        """Return the style loss of an image, (1, C, H, W), as the sum of terms, ()."""
        sums: dict[str, list[Tensor]] = {}
        small_maps = self._make_small_maps(image)
        for tile in self._extractor.tiles:
            for name, core in self._extractor.extract(image, tile):
                stride = self._extractor.strides[name]
                if name in small_maps:
                    tile.slice_core(small_maps[name], stride).copy_(core)
                    continue
                tile_weights = [
                    crop_spatial_weights(target.spatial_weights, tile, stride)
                    for target in self._targets[name]
                ]
                statistics = [
                    self._compute_statistics(core, weights) for weights in tile_weights
                ]
                sums[name] = accumulate(sums.get(name), statistics)
            self._after_tile()
        return self._evaluate_sums(sums) + self._evaluate_maps(small_maps)

    def tile_gradients(self, name: str, core: Tensor, tile: Tile) -> list[Tensor]:
        """Return the gradients by the activations at a tile's core."""
        if name not in self._targets:
            return []  # a content layer, perhaps deeper than all that have strides here
        stride = self._extractor.strides[name]
        if name in self._map_gradients:
            return [
                tile.slice_core(gradient, stride).clone()
                for gradient in self._map_gradients[name]
            ]
        return [
            apply_affine_gradient(
                core, affine, crop_spatial_weights(target.spatial_weights, tile, stride)
            )
            for affine, target in zip(
                self._affine_gradients.get(name, ()),
                self._targets[name],
                strict=True,
            )
        ]

    def _make_small_maps(self, image: Tensor) -> dict[str, Tensor]:
        sizes = self._extractor.map_sizes
        channels = {
            layer.name: layer.channels
            for layer in self._extractor.network.layers_up_to(self._targets)
        }
        return {
            name: torch.empty(
                (1, channels[name], *sizes[name]),
                dtype=self._extractor.network.precision,
                device=image.device,
                memory_format=torch.channels_last,
            )
            for name in self._targets
            if sizes[name][0] * sizes[name][1] < channels[name]
        }

    def _evaluate_sums(self, sums: Mapping[str, list[Tensor]]) -> Tensor:
        self._affine_gradients = {
            name: [
                target.term.affine_gradient(moments)
                for target, moments in zip(self._targets[name], statistics, strict=True)
            ]
            for name, statistics in sums.items()
        }
        gradients = itertools.chain.from_iterable(self._affine_gradients.values())
        return torch.as_tensor(sum(affine.value for affine in gradients))

    def _evaluate_maps(self, small_maps: Mapping[str, Tensor]) -> Tensor:
        total = torch.zeros(())
        self._map_gradients = {}
        for name, features in small_maps.items():
            evaluations = [
                target.term.evaluate(features, target.spatial_weights)
                for target in self._targets[name]
            ]
            self._map_gradients[name] = [gradient for _, gradient in evaluations]
            total = total + sum(value.cpu() for value, _ in evaluations)
        return total
