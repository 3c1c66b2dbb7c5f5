"""The first of two passes over tiles: what the styles of the whole picture are.

Style statistics of the whole, added up block by block: Galerne et al. (2024), "Scaling
Painting Style Transfer", Computer Graphics Forum (arXiv 2212.13459).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.statistics import pull
from worker.engine.targets import STYLE_LOSSES, added, part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from shared.params.style import StyleLoss
    from worker.engine.images.tiling import Tile
    from worker.engine.losses.statistics import Slope
    from worker.engine.targets import StyleTarget, View

    Targets = Mapping[str, list[StyleTarget]]


class Overview:
    """A picture's styles, and from them the pull at each position of each tile.

    Maps of fewer positions than channels are put together and looked at whole: their
    moments have no full rank, and they are small.

    Args:
        looking: How the picture is looked at; more than one tile.
        targets: By layer.
        style_loss: What kind they are of.
        tick: Called after each tile.
    """

    def __init__(
        self,
        looking: View,
        targets: Targets,
        style_loss: StyleLoss,
        tick: Callable[[], None],
    ) -> None:
        self._view, self._targets, self._tick = looking, targets, tick
        self._describe, _ = STYLE_LOSSES[style_loss]
        self._slopes: dict[str, list[Slope]] = {}
        self._maps: dict[str, list[Tensor]] = {}

    def look(self, image: Tensor) -> Tensor:
        """Look at a picture, (1, C, H, W); returns the sum of its style terms, ()."""
        sums: dict[str, list[Tensor]] = {}
        small = self._empty_maps(image)
        for tile in self._view.tiles:
            for name, core in self._view.maps(image, tile):
                stride = self._view.strides[name]
                if name in small:
                    tile.part(small[name], stride).copy_(core)
                    continue
                shares = [part_of(t.share, tile, stride) for t in self._targets[name]]
                more = [self._describe(core, share) for share in shares]
                sums[name] = added(sums.get(name), more)
            self._tick()
        return self._aim(sums) + self._evaluate(small)

    def pulls(self, name: str, core: Tensor, tile: Tile) -> list[Tensor]:
        """Gradients by the tile's own part of a layer."""
        stride = self._view.strides[name]
        if name in self._maps:
            return [tile.part(each, stride).clone() for each in self._maps[name]]
        return [
            pull(core, slope, part_of(target.share, tile, stride))
            for slope, target in zip(
                self._slopes.get(name, ()), self._targets.get(name, ()), strict=True
            )
        ]

    def _empty_maps(self, image: Tensor) -> dict[str, Tensor]:
        sizes = self._view.sizes
        channels = {
            layer.name: layer.channels
            for layer in self._view.network.layers(self._targets)
        }
        return {
            name: torch.empty(
                (1, channels[name], *sizes[name]),
                dtype=self._view.network.precision,
                device=image.device,
                memory_format=torch.channels_last,
            )
            for name in self._targets
            if sizes[name][0] * sizes[name][1] < channels[name]
        }

    def _aim(self, sums: Mapping[str, list[Tensor]]) -> Tensor:
        self._slopes = {
            name: [
                target.term.slope(moments)
                for target, moments in zip(self._targets[name], found, strict=True)
            ]
            for name, found in sums.items()
        }
        slopes = itertools.chain.from_iterable(self._slopes.values())
        return torch.as_tensor(sum(slope.value for slope in slopes))

    def _evaluate(self, small: Mapping[str, Tensor]) -> Tensor:
        total = torch.zeros(())
        self._maps = {}
        for name, features in small.items():
            found = [
                target.term.evaluate(features, target.share)
                for target in self._targets[name]
            ]
            self._maps[name] = [gradient for _, gradient in found]
            total = total + sum(value.cpu() for value, _ in found)
        return total
