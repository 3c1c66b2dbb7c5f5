"""Memory plan of a job: whole or in tiles, by the memory for its activations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.params.memory import activation_bytes
from worker.engine.images.pyramid import fit_size
from worker.engine.images.tiling import (
    MIN_TILE_PX,
    choose_tile_px,
    compute_largest_tile_px,
    count_pixels_with_halo,
    estimate_bytes_per_pixel,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.params.style import StyleParams
    from worker.engine.images.inputs import TransferInputs
    from worker.engine.images.pyramid import Size
    from worker.engine.vgg.network import Layer, Network

WHOLE = "whole"
_PIXEL_DIVISOR = 4  # halves the side, since the missing memory is unknown


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Memory for the activations of a job, as the pixels that fit.

    Attributes:
        params: Parameters to compute with, without a `tile_px` that was too large.
        layers: Layers that are computed.
        sizes: Height and width of the pictures at the last scale, the result first.
        tile_pixels: Maximum pixels of a tile with its halo, or of a whole picture.
    """

    params: StyleParams
    layers: tuple[Layer, ...]
    sizes: tuple[Size, ...]
    tile_pixels: int

    @property
    def tiling(self) -> str:
        """Name of the tiling; equal jobs with equal names give the same numbers."""
        sides = [
            self._side(size) for size in self.sizes if self._side(size) < max(size)
        ]
        return f"{min(sides)} px" if sides else WHOLE

    @property
    def is_tiled(self) -> bool:
        """Return whether the result is computed in several tiles."""
        return self._side(self.sizes[0]) < max(self.sizes[0])

    def with_smaller_tiles(self) -> MemoryPlan | None:
        """Return a plan with a quarter of the memory; None without smaller tiles."""
        pixels = min(max(map(math.prod, self.sizes)), self.tile_pixels)
        if self.params.tile_px is not None:
            tile = count_pixels_with_halo(self.layers, self.params.tile_px)
            pixels = min(pixels, tile)
        if pixels <= count_pixels_with_halo(self.layers, MIN_TILE_PX):
            return None
        params = self.params.model_copy(update={"tile_px": None})
        smaller = _round_to_tile(self.layers, pixels // _PIXEL_DIVISOR)
        return replace(self, params=params, tile_pixels=smaller)

    def _side(self, size: Size) -> int:
        return choose_tile_px(size, self.layers, self.params.tile_px, self.tile_pixels)


def plan_memory(
    device_bytes: int, network: Network, params: StyleParams, inputs: TransferInputs
) -> MemoryPlan:
    """Plan a job by the device's total memory, so that equal jobs get equal plans.

    Args:
        device_bytes: Memory of the device.
        network: Network that computes the activations.
        params: Parameters of the job.
        inputs: Pictures of the job; only their shapes are used.
    """
    style_side = round(params.max_edge * params.style_scale)
    sizes = [fit_size(inputs.content, params.max_edge, seamless=params.seamless)]
    sizes += [fit_size(style.image, style_side) for style in inputs.styles]
    names = params.content_layers.keys() | params.style_layers.keys()
    layers = network.layers_up_to(names)
    cell_values = count_cell_values(params, layers)
    bytes_per_pixel = estimate_bytes_per_pixel(layers, cell_values)
    pixels = activation_bytes(params, device_bytes) // bytes_per_pixel
    return MemoryPlan(params, layers, tuple(sizes), _round_to_tile(layers, pixels))


def _round_to_tile(layers: Sequence[Layer], pixels: int) -> int:
    """Round down to a tile with its halo, so that similar devices get equal plans."""
    return count_pixels_with_halo(layers, compute_largest_tile_px(layers, pixels))


def count_cell_values(params: StyleParams, layers: Sequence[Layer]) -> int:
    """Return the values per cell of the neighbors loss: its target, and work space."""
    if params.style_loss != "neighbors":
        return 0
    channels = [
        layer.channels for layer in layers if params.style_layers.get(layer.name)
    ]
    return sum(channels) + 3 * max(channels)
