"""How much of a device the activations of one job may take, and in what tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.params.memory import activation_bytes
from worker.engine.images.pyramid import fitted
from worker.engine.images.tiling import (
    SMALLEST_TILE_PX,
    bytes_per_pixel,
    largest_tile,
    pixels_around,
)

if TYPE_CHECKING:
    from shared.params.style import StyleParams
    from worker.engine.images.inputs import Sources
    from worker.engine.images.pyramid import Size
    from worker.engine.vgg.network import Layer, Network

WHOLE = "whole"
_LESS = 4  # nobody knows how much was missing; this halves the side


@dataclass(frozen=True, slots=True)
class Room:
    """Memory for activations, as the side of the largest tile that fits.

    Sides are rounded down, so that devices of about the same size do the same.

    Attributes:
        network: What looks at the pictures.
        params: To compute with: `tile_px` goes once it was too large.
        sizes: Height and width of the pictures at the last scale, the result first.
        side_px: Of the tiles of pictures that do not fit whole.
    """

    network: Network
    params: StyleParams
    sizes: tuple[Size, ...]
    side_px: int

    @property
    def activation_bytes(self) -> int:
        """What one tile takes, with all that the network sees around it."""
        return pixels_around(self._layers, self.side_px) * bytes_per_pixel(self._layers)

    @property
    def plan(self) -> str:
        """Say in what tiles; equal plans of equal jobs compute the same numbers."""
        sides = {self._tile(size) for size in self.sizes} - {None}
        return f"{min(filter(None, sides))} px" if sides else WHOLE

    @property
    def is_tiled(self) -> bool:
        """Whether the result is computed in more than one piece."""
        return self._tile(self.sizes[0]) is not None

    def narrowed(self) -> Room | None:
        """Take a quarter of what pictures take now; None: no tiles are smaller."""
        used = min(
            max(map(math.prod, self.sizes)),
            pixels_around(self._layers, self.params.tile_px or self.side_px),
        )
        if used <= pixels_around(self._layers, SMALLEST_TILE_PX):
            return None
        params = self.params.model_copy(update={"tile_px": None})
        side_px = largest_tile(self._layers, used // _LESS)
        return replace(self, params=params, side_px=side_px)

    def _tile(self, size: Size) -> int | None:
        """Side of the tiles of a picture of this size, px; None: one is enough."""
        wanted = self.params.tile_px or max(size)
        if math.prod(size) > pixels_around(self._layers, self.side_px):
            wanted = min(wanted, self.side_px)
        return wanted if wanted < max(size) else None

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return _layers(self.network, self.params)


def room_on(
    device_bytes: int, network: Network, params: StyleParams, sources: Sources
) -> Room:
    """Find the room that a device has: the same for the same job, whatever is free.

    Args:
        device_bytes: Its memory.
        network: What looks at the pictures.
        params: Of the job.
        sources: Its pictures, of any size: they give the shapes.
    """
    style_side = round(params.max_edge * params.style_scale)
    sizes = [fitted(sources.content, params.max_edge)]
    sizes += [fitted(style.image, style_side) for style in sources.styles]
    layers = _layers(network, params)
    pixels = activation_bytes(params, device_bytes) // bytes_per_pixel(layers)
    return Room(network, params, tuple(sizes), largest_tile(layers, pixels))


def _layers(network: Network, params: StyleParams) -> tuple[Layer, ...]:
    return network.layers(params.content_layers.keys() | params.style_layers.keys())
