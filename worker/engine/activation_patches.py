"""Activation patches: the image patches that activate each unit of a layer most.

They are those of Zeiler & Fergus (2013), figure 2, without the deconvolution.
`find_activation_patches` is a generator like `stylize`: its caller decides when to
checkpoint, report or stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from worker.engine.snapshot import Snapshot
from worker.engine.vgg.receptive_field import compute_receptive_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch import Tensor

    from shared.params.explore import ExploreParams
    from worker.engine.vgg.network import Network
    from worker.engine.vgg.receptive_field import Box

_NO_PICTURE = -1  # picture index of an empty entry
_VALUES, _POSITIONS = "values.", "places."


class TopActivations(NamedTuple):
    """Strongest activations of a layer's units so far, each from another picture.

    Attributes:
        values: Activations, (units, patches), in falling order; 0 for empty entries.
        positions: Positions, (units, patches, 3): picture, row and column in the
            layer's feature map; the picture is -1 for empty entries.
    """

    values: Tensor
    positions: Tensor


@dataclass(frozen=True, slots=True)
class PatchSearchState:
    """State of the search after one more picture; later steps do not change it.

    Attributes:
        picture_count: Number of pictures searched so far.
        height: Height of the last picture, px.
        width: Width of the last picture, px.
        top_activations: Strongest activations so far, by layer.
    """

    picture_count: int
    height: int
    width: int
    top_activations: Mapping[str, TopActivations]

    def snapshot(self) -> Snapshot:
        """Return the state to resume from, without copies."""
        tensors = {}
        for layer, top in self.top_activations.items():
            tensors[_VALUES + layer], tensors[_POSITIONS + layer] = top
        return Snapshot(self.picture_count, 0, self.picture_count, tensors, {})


@dataclass(frozen=True, slots=True)
class ActivationPatch:
    """Patch of a picture that activates a unit.

    Attributes:
        picture: Index of the picture, from 0.
        box: Receptive field of the unit, (left, top, right, bottom), in px of the
            searched picture. It may extend beyond the edge.
        activation: Activation of the unit.
    """

    picture: int
    box: Box
    activation: float


@dataclass(frozen=True, slots=True)
class UnitPatches:
    """Patches that activate one unit most.

    Attributes:
        layer: Name of the layer, relu<block>_<index>.
        channel: Channel of the unit, from 0.
        patches: Patches, the strongest first; empty if no picture activates the unit.
    """

    layer: str
    channel: int
    patches: tuple[ActivationPatch, ...]


@torch.no_grad()
def find_activation_patches(
    pictures: Iterable[Tensor],
    params: ExploreParams,
    network: Network,
    *,
    resume: Snapshot | None = None,
) -> Iterator[PatchSearchState]:
    """Search one picture after another for patches, with one of them in memory.

    Args:
        pictures: Pictures, (1, 3, H, W) each, RGB in [0, 1], of any size, without
            those that `resume` has done.
        params: Layers, number of patches, pooling.
        network: Network built for params.network; its device and precision are used.
        resume: Snapshot to resume from, or None to begin.

    Yields:
        One `PatchSearchState` per picture, with all units: `select_units` chooses
        those to show at the end.
    """
    network = network.with_pooling(params.pooling)
    top = {} if resume is None else load_top_activations(resume, network.device)
    first = 0 if resume is None else resume.iteration
    for index, picture in enumerate(pictures, first):
        image = picture.to(network.device, network.dtype)
        activations = network.compute_activations(image, params.layers)
        top = {
            layer: _add_picture(top.get(layer), activations.pop(layer), index, params)
            for layer in params.layers
        }
        yield PatchSearchState(index + 1, image.shape[2], image.shape[3], top)


def load_top_activations(
    snapshot: Snapshot, device: torch.device
) -> dict[str, TopActivations]:
    """Return the strongest activations of a snapshot, by layer."""
    tensors = {name: tensor.to(device) for name, tensor in snapshot.tensors.items()}
    layers = [
        name.removeprefix(_VALUES) for name in tensors if name.startswith(_VALUES)
    ]
    return {
        layer: TopActivations(tensors[_VALUES + layer], tensors[_POSITIONS + layer])
        for layer in layers
    }


def select_units(
    top_activations: Mapping[str, TopActivations], params: ExploreParams
) -> list[UnitPatches]:
    """Choose the units to show, with their patches, layer by layer."""
    return [
        UnitPatches(
            layer, channel, tuple(_iterate_patches(layer, channel, top, params))
        )
        for layer in params.layers
        for top in [top_activations[layer]]
        for channel in _select_channels(top, params)
    ]


def _add_picture(
    top: TopActivations | None,
    activation: Tensor,
    picture: int,
    params: ExploreParams,
) -> TopActivations:
    """Add the strongest activation of each unit in a picture, given (1, C, H, W).

    Among equal activations, the first position and the first picture win. So the
    result depends only on the order of the pictures.
    """
    flat = activation[0].flatten(1)  # (C, H * W)
    argmax = flat.argmax(1, keepdim=True)  # (C, 1); the first of equals, as documented
    value = flat.gather(1, argmax)  # (C, 1)
    width = activation.shape[3]
    position = torch.stack(
        (torch.full_like(argmax, picture), argmax // width, argmax % width), 2
    )  # (C, 1, 3)
    if top is None:
        top = _make_empty(value, position, params.patches)
    values = torch.cat((top.values, value), 1)
    positions = torch.cat((top.positions, position), 1)
    order = values.argsort(dim=1, descending=True, stable=True)[:, : params.patches]
    index = order[:, :, None].expand(-1, -1, 3)
    return TopActivations(values.gather(1, order), positions.gather(1, index))


def _make_empty(value: Tensor, position: Tensor, count: int) -> TopActivations:
    """Make `count` empty entries of 0 per unit; no ReLU activation is below 0."""
    units = value.shape[0]
    return TopActivations(
        value.new_zeros(units, count), position.new_full((units, count, 3), _NO_PICTURE)
    )


def _select_channels(top: TopActivations, params: ExploreParams) -> list[int]:
    """Return the requested channels, or those with the strongest patches."""
    if params.units is not None:
        return list(params.units)
    strength = top.values.cpu().double().mean(1)  # MPS has no float64
    order = strength.argsort(stable=True, descending=True)
    return [int(unit) for unit in order[: params.top_k]]


def _iterate_patches(
    layer: str, channel: int, top: TopActivations, params: ExploreParams
) -> Iterator[ActivationPatch]:
    field = compute_receptive_field(params.network, layer)
    positions = top.positions[channel].tolist()
    for value, position in zip(top.values[channel].tolist(), positions, strict=True):
        picture, row, column = position
        if picture != _NO_PICTURE:
            yield ActivationPatch(picture, field.box(row, column), value)
