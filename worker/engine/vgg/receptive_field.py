"""Receptive fields: the pixels that one position of a layer depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.params.networks import layer_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.params.networks import NetworkName

_KERNEL = 3  # side of every kernel; padding by 1 px preserves the size of maps
_POOL = 2  # side and stride of every pooling

Box = tuple[int, int, int, int]


class ReceptiveField(NamedTuple):
    """Receptive field of a layer: a square of pixels per position of its feature map.

    Position i, counted from 0 along either side, depends on the `size` pixels that
    begin at `first_px + i * stride`; some may lie outside the picture.

    Attributes:
        size: Side of the square, px.
        stride: Distance from one position to the next, px.
        first_px: First pixel of position 0; negative in the padding.
    """

    size: int
    stride: int
    first_px: int

    def box(self, row: int, column: int) -> Box:
        """Return (left, top, right, bottom) in px; right and bottom are outside."""
        left, top = (
            self.first_px + position * self.stride for position in (column, row)
        )
        return left, top, left + self.size, top + self.size


def compute_receptive_field(network: NetworkName, layer: str) -> ReceptiveField:
    """Compute the receptive field of a layer, relu<block>_<index>."""
    names = layer_names(network)
    layers_to_run = names[: names.index(layer) + 1]
    pools_inputs = (name.endswith("_1") and name != names[0] for name in layers_to_run)
    *_, field = iterate_receptive_fields(pools_inputs)
    return field


def iterate_receptive_fields(pools_inputs: Iterable[bool]) -> Iterator[ReceptiveField]:
    """Compute the receptive field of each layer of a network, shallow to deep.

    Beginning at the image, a pooling widens the field by one stride and doubles the
    stride; a convolution widens it by one stride on each side. See Araujo et al.
    (2019), "Computing Receptive Fields of Convolutional Neural Networks".

    Args:
        pools_inputs: Whether each layer pools its input.
    """
    size, stride, first = 1, 1, 0
    for pools_input in pools_inputs:
        if pools_input:
            size, stride = size + stride * (_POOL - 1), stride * _POOL
        size, first = size + stride * (_KERNEL - 1), first - stride
        yield ReceptiveField(size, stride, first)
