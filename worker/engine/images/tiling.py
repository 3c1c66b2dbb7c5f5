"""Tiles: a picture in parts that overlap by what the network sees, exactly.

A Gram matrix is a sum over positions, so it can be added up tile by tile; once it is
known, its pull at a position depends on that position alone. So two passes over tiles
give the loss and the gradient of the whole picture, while the activations of only one
tile are in memory: Galerne et al. (2024), "Scaling Painting Style Transfer", Computer
Graphics Forum (arXiv 2212.13459).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.vgg.receptive_field import iterate_receptive_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from torch import Tensor

    from worker.engine.images.pyramid import Size
    from worker.engine.vgg.network import Layer, Network
    from worker.engine.vgg.receptive_field import ReceptiveField

GRID_PX = 16  # stride of the deepest layers: tiles and crops begin at multiples of it
MIN_TILE_PX = 64


@dataclass(frozen=True, slots=True)
class TileSpan:
    """A tile along one side: its core, which tiles share out, in its crop, px."""

    start: int
    stop: int
    crop_start: int
    crop_stop: int
    last: bool

    def core_slice(self, stride: int, length: int) -> slice:
        """The core's positions in a map of the crop that has `length` of them."""
        begin = (self.start - self.crop_start) // stride
        end = length if self.last else (self.stop - self.crop_start) // stride
        return slice(begin, end)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: down and across."""

    rows: TileSpan
    columns: TileSpan

    def crop(self, image: Tensor) -> Tensor:
        """What the network must see to know the core, a view of (1, C, H, W)."""
        rows, columns = self.rows, self.columns
        return image[
            ...,
            rows.crop_start : rows.crop_stop,
            columns.crop_start : columns.crop_stop,
        ]

    def crop_core(self, features: Tensor, stride: int) -> Tensor:
        """The part of a map of the crop that is this tile's own, a view."""
        down = self.rows.core_slice(stride, features.shape[2])
        across = self.columns.core_slice(stride, features.shape[3])
        return features[..., down, across]

    def slice_core(self, whole: Tensor, stride: int) -> Tensor:
        """The core's part of a map of the whole picture, a view."""
        down, across = (
            slice(span.start // stride, None if span.last else span.stop // stride)
            for span in (self.rows, self.columns)
        )
        return whole[..., down, across]

    def sum_core_gradients(
        self, pulls: Sequence[Tensor], features: Tensor, stride: int
    ) -> Tensor | None:
        """Add up gradients by the core, as one by the map of the crop; None: of none.

        The first of `pulls` may be changed.
        """
        if not pulls:
            return None
        total = pulls[0]
        for each in pulls[1:]:
            total.add_(each)
        if total.shape == features.shape:
            return total
        whole = torch.zeros_like(features)
        self.crop_core(whole, stride).copy_(total)
        return whole


def make_tiles(size: Size, tile_px: int, halo_px: int) -> list[Tile]:
    """Cut a picture of (height, width) into tiles of about `tile_px`, row by row."""
    return [
        Tile(rows, columns)
        for rows in _spans(size[0], tile_px, halo_px)
        for columns in _spans(size[1], tile_px, halo_px)
    ]


def compute_strides(layers: Sequence[Layer]) -> dict[str, int]:
    """Distance in px between neighboring positions of each layer."""
    return {
        layer.name: field.stride
        for layer, field in zip(layers, _fields(layers), strict=True)
    }


def compute_halo_px(layers: Sequence[Layer]) -> int:
    """How far a position of the deepest layer sees beyond its own grid cell, px."""
    reach = max((-field.first_px for field in _fields(layers)), default=0)
    return math.ceil(reach / GRID_PX) * GRID_PX


def estimate_bytes_per_pixel(layers: Sequence[Layer]) -> int:
    """Memory of the way there and back, per pixel of the picture.

    All activations; and on the way back, at the largest map, two gradients, the
    winners of its pooling, and room to add up.
    """
    sizes = compute_strides(layers)
    item = layers[0].item_bytes
    kept = [layer.channels * item / sizes[layer.name] ** 2 for layer in layers]
    return math.ceil(sum(kept) + 3 * max(kept))


def choose_tile_px(
    size: Size, network: Network, names: Collection[str], activation_bytes: int | None
) -> int | None:
    """Choose the side of tiles, px, by a rule of sizes alone; None: one is enough.

    Args:
        size: Height and width of the picture.
        network: What looks at it.
        names: The layers it is looked at through.
        activation_bytes: What activations may take; None: anything. Less than the
            smallest tile needs gives the smallest tile.
    """
    layers = network.layers_up_to(names)
    if activation_bytes is None or not layers:
        return None
    pixels = activation_bytes // estimate_bytes_per_pixel(layers)
    if size[0] * size[1] <= pixels:
        return None
    return compute_largest_tile_px(layers, pixels)


def compute_largest_tile_px(layers: Sequence[Layer], pixels: int) -> int:
    """Side of the largest tile that is looked at in so many pixels, or the smallest."""
    steps = (math.isqrt(pixels) - 2 * compute_halo_px(layers)) // MIN_TILE_PX
    return max(steps, 1) * MIN_TILE_PX


def count_pixels_with_halo(layers: Sequence[Layer], side_px: int) -> int:
    """How many pixels a tile is looked at in, with all that the network sees of it."""
    return (side_px + 2 * compute_halo_px(layers)) ** 2


def _fields(layers: Sequence[Layer]) -> Iterator[ReceptiveField]:
    return iterate_receptive_fields(layer.pools_input for layer in layers)


def _spans(length: int, tile_px: int, halo_px: int) -> Iterator[TileSpan]:
    count = max(1, math.ceil(length / tile_px))
    step = math.ceil(length / count / GRID_PX) * GRID_PX
    starts = range(0, length, step)
    for start in starts:
        stop = min(start + step, length)
        yield TileSpan(
            start,
            stop,
            crop_start=max(0, start - halo_px),
            crop_stop=min(length, stop + halo_px),
            last=start == starts[-1],
        )
