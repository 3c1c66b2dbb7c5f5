"""Memory plan of a job: whole or in tiles, by the memory for its activations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.params.memory import activation_bytes
from worker.engine.images.pyramid import fit_size
from worker.engine.images.tiling import (
    MIN_TILE_PX,
    compute_largest_tile_px,
    count_pixels_with_halo,
    estimate_bytes_per_pixel,
)
from worker.engine.targets import count_cell_values

if TYPE_CHECKING:
    from shared.params.style import StyleParams
    from worker.engine.images.inputs import TransferInputs
    from worker.engine.images.pyramid import Size
    from worker.engine.vgg.network import Layer, Network

WHOLE = "whole"
_PIXEL_DIVISOR = 4  # how much was missing is unknown; this halves the side


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Memory for the activations of a job, as the side of the largest tile that fits.

    Sides are rounded down, so that devices of about the same size use the same tiles.

    Attributes:
        network: Network that computes the activations.
        params: Parameters to compute with: without `tile_px` once it was too large.
        sizes: Height and width of the pictures at the last scale, the result first.
        tile_side_px: Side of the tiles of pictures that do not fit whole.
    """

    network: Network
    params: StyleParams
    sizes: tuple[Size, ...]
    tile_side_px: int

    @property
    def activation_bytes(self) -> int:
        """Bytes of one tile, with the margin that the network sees around it."""
        pixels = count_pixels_with_halo(self._layers, self.tile_side_px)
        return pixels * _bytes_per_pixel(self.network, self.params)

    @property
    def tiling(self) -> str:
        """Name of the tiling; equal jobs with equal names compute the same numbers."""
        sides = {self._tile(size) for size in self.sizes} - {None}
        return f"{min(filter(None, sides))} px" if sides else WHOLE

    @property
    def is_tiled(self) -> bool:
        """Whether the result is computed in more than one piece."""
        return self._tile(self.sizes[0]) is not None

    def with_smaller_tiles(self) -> MemoryPlan | None:
        """Return a plan with a quarter of the memory; None if no tile is smaller."""
        pixels = min(
            max(map(math.prod, self.sizes)),
            count_pixels_with_halo(
                self._layers, self.params.tile_px or self.tile_side_px
            ),
        )
        if pixels <= count_pixels_with_halo(self._layers, MIN_TILE_PX):
            return None
        params = self.params.model_copy(update={"tile_px": None})
        side_px = compute_largest_tile_px(self._layers, pixels // _PIXEL_DIVISOR)
        return replace(self, params=params, tile_side_px=side_px)

    def _tile(self, size: Size) -> int | None:
        """Side of the tiles of a picture of this size, px; None if it stays whole."""
        side = self.params.tile_px or max(size)
        if math.prod(size) > count_pixels_with_halo(self._layers, self.tile_side_px):
            side = min(side, self.tile_side_px)
        return side if side < max(size) else None

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return _layers(self.network, self.params)


def plan_memory(
    device_bytes: int, network: Network, params: StyleParams, inputs: TransferInputs
) -> MemoryPlan:
    """Plan a job by the memory of the device, free or not: equal jobs get equal plans.

    Args:
        device_bytes: Memory of the device.
        network: Network that computes the activations.
        params: Parameters of the job.
        inputs: Pictures of the job, of any size: only their shapes matter.
    """
    style_side = round(params.max_edge * params.style_scale)
    sizes = [fit_size(inputs.content, params.max_edge, seamless=params.seamless)]
    sizes += [fit_size(style.image, style_side) for style in inputs.styles]
    layers = _layers(network, params)
    pixels = activation_bytes(params, device_bytes) // _bytes_per_pixel(network, params)
    return MemoryPlan(
        network, params, tuple(sizes), compute_largest_tile_px(layers, pixels)
    )


def _bytes_per_pixel(network: Network, params: StyleParams) -> int:
    cell_values = count_cell_values(network, params)
    return estimate_bytes_per_pixel(_layers(network, params), cell_values)


def _layers(network: Network, params: StyleParams) -> tuple[Layer, ...]:
    return network.layers_up_to(
        params.content_layers.keys() | params.style_layers.keys()
    )
