"""Which pixels of a picture one unit of a layer looks at, by arithmetic alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.params.networks import layer_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.params.networks import NetworkName

_KERNEL = 3  # of every convolution, padded by one, so that maps keep their size
_POOL = 2  # side and stride of every pooling

Box = tuple[int, int, int, int]


class ReceptiveField(NamedTuple):
    """The receptive field of a layer: a square per position of its map.

    Position i, counted from 0 along either side, sees the pixels from
    `first + i * stride` on, `size` of them; the ends may lie outside the picture.

    Attributes:
        size: Side of the square, px.
        stride: From one position to the next, px.
        first: First pixel that position 0 sees; below 0 where it is padded.
    """

    size: int
    stride: int
    first_px: int

    def box(self, row: int, column: int) -> Box:
        """Return (left, top, right, bottom) in px; right and bottom are outside."""
        left, top = (self.first_px + place * self.stride for place in (column, row))
        return left, top, left + self.size, top + self.size


def compute_receptive_field(network: NetworkName, layer: str) -> ReceptiveField:
    """Compute the field of a layer, relu<block>_<index>."""
    names = layer_names(network)
    wanted = names[: names.index(layer) + 1]
    *_, field = iterate_receptive_fields(
        name.endswith("_1") and name != names[0] for name in wanted
    )
    return field


def iterate_receptive_fields(pools: Iterable[bool]) -> Iterator[ReceptiveField]:
    """Compute the field of each layer of a network, shallow to deep.

    Walks down from the picture: a pooling widens the field by one stride and doubles
    the stride; a convolution widens it by one stride on each side.
    Araujo et al. (2019), Computing Receptive Fields of Convolutional Neural Networks.

    Args:
        pools: Of each layer, whether a pooling comes before its convolution.
    """
    size, stride, first = 1, 1, 0
    for pooled in pools:
        if pooled:
            size, stride = size + stride * (_POOL - 1), stride * _POOL
        size, first = size + stride * (_KERNEL - 1), first - stride
        yield ReceptiveField(size, stride, first)
