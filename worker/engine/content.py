"""What the content looks like to the network: kept, or looked up tile by tile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from worker.engine.losses import content_scale
from worker.engine.precision import widened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from torch import Tensor

    from shared.params import StyleParams
    from worker.engine.features import Network
    from worker.engine.targets import View
    from worker.engine.tiling import Tile

# A gray canvas says next to nothing to deep layers: relu4_2 of VGG-16, 0.006 of what
# white noise says. Relative to nothing, every stroke would be too much, so whatever
# says less than this share counts as if it said so much. The smoothest photos say 0.07.
_LEAST_SHARE = 0.05
_NOISE_PX = 64


class ContentTargets:
    """The content's activations at the layers that are to be kept.

    Args:
        looking: How the pictures are looked at.
        content: (1, 3, H, W).
        weights: Of the layers that are to be kept; may be none.
        params: For the scale of the loss.
        tick: Called after each tile.

    Attributes:
        factors: Weight of each layer, over its constant.
    """

    def __init__(
        self,
        looking: View,
        content: Tensor,
        weights: Mapping[str, float],
        params: StyleParams,
        tick: Callable[[], None],
    ) -> None:
        self._view = replace(looking, names=weights.keys())
        self._image = content
        self._kept: dict[str, Tensor] | None = None
        sizes, counts = dict.fromkeys(weights, 0.0), dict.fromkeys(weights, 0)
        for tile in looking.tiles if weights else ():
            seen = self._look(tile)
            for name, features in seen.items():
                sizes[name] += float(widened(features).square().sum())
                counts[name] += features.numel()
            if len(looking.tiles) == 1:
                self._kept = seen
            tick()
        if params.loss_scale == "relative":
            for name, power in _power_of_noise(looking.network, weights.keys()).items():
                sizes[name] = max(sizes[name], _LEAST_SHARE * power * counts[name])
        self.factors = {
            name: weight * content_scale(params.loss_scale, sizes[name])
            for name, weight in weights.items()
        }

    def maps(self, tile: Tile) -> dict[str, Tensor]:
        """What the tile's own positions should look like, by layer."""
        if not self.factors:
            return {}
        return self._look(tile) if self._kept is None else self._kept

    def _look(self, tile: Tile) -> dict[str, Tensor]:
        return dict(self._view.maps(self._image, tile))


def _power_of_noise(network: Network, names: Collection[str]) -> dict[str, float]:
    """Mean square of each layer's activations for white noise, gray."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 1, _NOISE_PX, _NOISE_PX, generator=generator)
    seen = network.activations(noise.to(network.device, network.dtype), names)
    return {name: float(widened(each).square().mean()) for name, each in seen.items()}
