"""Tiling: overlapping tiles that give the same result as the whole image.

Tiles overlap by the receptive field of the network. A Gram matrix is a sum over
positions, so it can be added up tile by tile. Given this sum, the gradient at a
position depends only on that position. So two passes over the tiles give the loss and
the gradient of the whole image, with the activations of only one tile in memory:
Galerne et al. (2024), "Scaling Painting Style Transfer", Computer Graphics Forum
(arXiv 2212.13459).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.neighbors import CELL_PX
from worker.engine.vgg.receptive_field import iterate_receptive_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from worker.engine.images.pyramid import Size
    from worker.engine.vgg.network import Layer
    from worker.engine.vgg.receptive_field import ReceptiveField

GRID_PX = 16  # stride of the deepest layers; tiles and crops begin at multiples
MIN_TILE_PX = 64


def _do_nothing() -> None:
    """Default of `RunLimits.after_tile`."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run of the engine.

    Attributes:
        tile_pixels: Maximum pixels of a tile with its halo; larger images are computed
            in tiles. None: no limit. Tiles change results by rounding only.
        step_scale: Factor of every step of the optimizer; below 1 after a run diverged.
        after_tile: Callback after each tile. An exception ends the run; the last
            iterate stays valid.
    """

    tile_pixels: int | None = None
    step_scale: float = 1.0
    after_tile: Callable[[], None] = _do_nothing


@dataclass(frozen=True, slots=True)
class TileSpan:
    """Range of a tile along one side, px: its core, inside its crop.

    Cores do not overlap; crops overlap by the halo.

    Attributes:
        start: First pixel of the core.
        stop: End of the core.
        crop_start: First pixel of the crop.
        crop_stop: End of the crop.
        last: Whether it is the last tile along a side with edges.
    """

    start: int
    stop: int
    crop_start: int
    crop_stop: int
    last: bool

    def iterate_pieces(self, length: int) -> Iterator[tuple[int, int]]:
        """Yield start and length of the crop's parts, modulo the side's `length`."""
        position = self.crop_start
        while position < self.crop_stop:
            start = position % length
            count = min(self.crop_stop - position, length - start)
            yield start, count
            position += count

    def core_slice(self, stride: int, length: int) -> slice:
        """Return the core's positions in a crop's feature map of `length` positions."""
        begin = (self.start - self.crop_start) // stride
        end = length if self.last else (self.stop - self.crop_start) // stride
        return slice(begin, end)


@dataclass(frozen=True, slots=True)
class Tile:
    """Tile of an image, as ranges of its rows and columns."""

    rows: TileSpan
    columns: TileSpan

    def crop(self, image: Tensor) -> Tensor:
        """Return the pixels that the core depends on, (1, C, H, W).

        Beyond an edge the image continues at the opposite one; otherwise the result is
        a view.
        """
        for dim, span in ((2, self.rows), (3, self.columns)):
            pieces = [
                image.narrow(dim, start, count)
                for start, count in span.iterate_pieces(image.shape[dim])
            ]
            image = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim)
        return image

    def add_to(self, image: Tensor, crop: Tensor) -> None:
        """Add a crop to an image, (1, C, H, W), in place, where `crop` takes it."""
        top = 0
        for row, height in self.rows.iterate_pieces(image.shape[2]):
            left = 0
            for column, width in self.columns.iterate_pieces(image.shape[3]):
                target = image[..., row : row + height, column : column + width]
                target.add_(crop[..., top : top + height, left : left + width])
                left += width
            top += height

    def crop_core(self, features: Tensor, stride: int) -> Tensor:
        """Return a view of the core in a feature map of the crop."""
        down = self.rows.core_slice(stride, features.shape[2])
        across = self.columns.core_slice(stride, features.shape[3])
        return features[..., down, across]

    def slice_core(self, whole: Tensor, stride: int) -> Tensor:
        """Return a view of the core in a feature map of the whole image."""
        down, across = (
            slice(span.start // stride, None if span.last else span.stop // stride)
            for span in (self.rows, self.columns)
        )
        return whole[..., down, across]

    def sum_core_gradients(
        self, gradients: Sequence[Tensor], features: Tensor, stride: int
    ) -> Tensor | None:
        """Add up gradients by the core, and extend the sum to the crop's feature map.

        Without gradients the result is None. The first gradient may be changed.
        """
        if not gradients:
            return None
        total = gradients[0]
        for gradient in gradients[1:]:
            total.add_(gradient)
        if total.shape == features.shape:
            return total
        padded = torch.zeros_like(features)
        self.crop_core(padded, stride).copy_(total)
        return padded


def make_tiles(
    size: Size, tile_px: int, halo_px: int, *, wraps: bool = False
) -> list[Tile]:
    """Cut a picture of (height, width) into tiles of about `tile_px`, row by row.

    If the picture `wraps`, its sides must be multiples of GRID_PX, and crops continue
    beyond its edges, modulo its size.
    """
    return [
        Tile(rows, columns)
        for rows in _split_side(size[0], tile_px, halo_px, wraps=wraps)
        for columns in _split_side(size[1], tile_px, halo_px, wraps=wraps)
    ]


def compute_strides(layers: Sequence[Layer]) -> dict[str, int]:
    """Compute the distance in px between neighboring positions, by layer."""
    return {
        layer.name: field.stride
        for layer, field in zip(layers, _iterate_fields(layers), strict=True)
    }


def compute_halo_px(layers: Sequence[Layer]) -> int:
    """Compute by how many px the deepest receptive field exceeds its grid cell."""
    reach = max((-field.first_px for field in _iterate_fields(layers)), default=0)
    return math.ceil(reach / GRID_PX) * GRID_PX


def estimate_bytes_per_pixel(layers: Sequence[Layer], cell_values: int = 0) -> int:
    """Estimate the memory of forward and backward, per pixel of the image.

    It counts all activations and, in the backward pass at the largest feature map, two
    gradients, the indices of its pooling, and a buffer to add up.

    Args:
        layers: Layers that are computed.
        cell_values: Values that the neighbors loss stores per cell.
    """
    strides = compute_strides(layers)
    item = layers[0].item_bytes
    layer_bytes = [layer.channels * item / strides[layer.name] ** 2 for layer in layers]
    cell_bytes = cell_values * item / CELL_PX**2
    return math.ceil(sum(layer_bytes) + 3 * max(layer_bytes) + cell_bytes)


def choose_tile_px(
    size: Size,
    layers: Sequence[Layer],
    requested_px: int | None,
    tile_pixels: int | None,
) -> int:
    """Choose the side of the tiles, px; the image's long side means no tiles.

    Args:
        size: Height and width of the image, px.
        layers: Layers to compute.
        requested_px: Requested side of the tiles; None for no tiles.
        tile_pixels: Maximum pixels of a tile with its halo; None for no limit.
    """
    side = min(requested_px or max(size), max(size))
    if tile_pixels is None or math.prod(size) <= tile_pixels:
        return side
    return min(side, compute_largest_tile_px(layers, tile_pixels))


def compute_largest_tile_px(layers: Sequence[Layer], pixels: int) -> int:
    """Compute the side of the largest tile with at most `pixels` in its crop, px.

    The side is at least `MIN_TILE_PX`, even if the crop has more pixels.
    """
    steps = (math.isqrt(pixels) - 2 * compute_halo_px(layers)) // MIN_TILE_PX
    return max(steps, 1) * MIN_TILE_PX


def count_pixels_with_halo(layers: Sequence[Layer], side_px: int) -> int:
    """Count the pixels of a tile's crop: the tile with the halo around it."""
    return (side_px + 2 * compute_halo_px(layers)) ** 2


def _iterate_fields(layers: Sequence[Layer]) -> Iterator[ReceptiveField]:
    return iterate_receptive_fields(layer.pools_input for layer in layers)


def _split_side(
    length: int, tile_px: int, halo_px: int, *, wraps: bool
) -> Iterator[TileSpan]:
    count = max(1, math.ceil(length / tile_px))
    step = math.ceil(length / count / GRID_PX) * GRID_PX
    # The last tile has a position of every layer: what is smaller joins the one before.
    starts = range(0, max(length - GRID_PX, 0) + 1, step)
    for start in starts:
        is_last = start == starts[-1]
        stop = length if is_last else start + step
        yield TileSpan(
            start,
            stop,
            crop_start=start - halo_px if wraps else max(0, start - halo_px),
            crop_stop=stop + halo_px if wraps else min(length, stop + halo_px),
            last=is_last and not wraps,
        )
