"""The frozen network: VGG cut at named layers, forward and backward by hand.

Autograd is not used: only the gradient by the image is needed, never by the weights,
and the gradient by a convolution's input is again a convolution, with the weights
mirrored, which runs on the fast forward kernels. Channels are innermost in memory, so
that Gram matrices are one matrix product without a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from shared.errors import WeightsDamaged
from shared.params import layer_names
from worker.engine.pooling import POOLINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from torch import Tensor

    from shared.params import Network as NetworkName
    from shared.params import Pooling

Colors = tuple[float, float, float]

# Mean and standard deviation of RGB in [0, 1] that the weights were trained with;
# other values run without complaint and look worse, so they live beside the name.
# vgg16: the original Caffe weights, which see 0..255 minus the mean.
# vgg19: torchvision's VGG19_Weights.IMAGENET1K_V1.
PREPROCESSING: dict[NetworkName, tuple[Colors, Colors]] = {
    "vgg16": ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
    "vgg19": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One 3 x 3 convolution with its ReLU, and the pooling before it, if any.

    Attributes:
        name: Of its output: relu<block>_<index>.
        weight: (outputs, inputs, 3, 3).
        bias: (outputs,).
        mirrored: The weight of the backward convolution, (inputs, outputs, 3, 3).
        pools: Whether the input is halved first.
    """

    name: str
    weight: Tensor
    bias: Tensor
    mirrored: Tensor
    pools: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What the backward pass needs of one layer: its output, and who won the pooling.

    Attributes:
        layer: The layer that ran.
        activation: Its output, (1, C, H, W).
        winners: Indices of the maxima, or None where there are none.
    """

    layer: Layer
    activation: Tensor
    winners: Tensor | None


class Network:
    """A frozen VGG that maps an image to activations, and gradients back to it."""

    def __init__(
        self,
        layers: tuple[Layer, ...],
        mean: Tensor,
        std: Tensor,
        pooling: Pooling = "max",
    ) -> None:
        self._layers = layers
        self._mean = mean  # (1, 3, 1, 1)
        self._std = std  # (1, 3, 1, 1)
        self._pooling = POOLINGS[pooling]

    def with_pooling(self, pooling: Pooling) -> Network:
        """Look through the same weights with another pooling; costs nothing."""
        return Network(self._layers, self._mean, self._std, pooling)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and where images must be."""
        return self._mean.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights, and so of everything computed."""
        return self._mean.dtype

    def activations(self, image: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Look at an image, (1, 3, H, W) in [0, 1], through the layers named."""
        steps = self._run(image, names)
        return {
            step.layer.name: step.activation
            for step in steps
            if step.layer.name in names
        }

    def forward(self, image: Tensor, names: Collection[str]) -> list[Step]:
        """Run to the deepest of `names`, keeping what `backward` needs.

        Args:
            image: (1, 3, H, W), RGB in [0, 1], or (1, 1, H, W), gray. No size is too
                small: see `Pooling`.
            names: The layers that `backward` will be given gradients for.
        """
        return list(self._run(image, names))

    def backward(
        self, steps: list[Step], gradient_at: Callable[[str, Tensor], Tensor | None]
    ) -> Tensor:
        """Carry gradients at layers back to the image.

        Args:
            steps: Of `forward`; emptied on the way, to free memory early.
            gradient_at: Gives the gradient by one layer's activation, or None, when
                called with its name and activation; deepest first.

        Returns:
            The gradient by the image, (1, 3, H, W).
        """
        gradient = torch.zeros_like(steps[-1].activation)
        while steps:
            step = steps.pop()
            added = gradient_at(step.layer.name, step.activation)
            if added is not None:
                gradient.add_(added)
            gradient = torch.ops.aten.threshold_backward(gradient, step.activation, 0)
            gradient = _convolve_back(gradient, step.layer, first=not steps)
            if step.layer.pools:
                halved = steps[-1].activation
                gradient = self._pooling.double(gradient, halved, step.winners)
        return (gradient / self._std).contiguous()

    def _run(self, image: Tensor, names: Collection[str]) -> Iterator[Step]:
        depth = max(i for i, layer in enumerate(self._layers, 1) if layer.name in names)
        normal = (image - self._mean) / self._std  # (1, 3, H, W), also of a gray one
        x = normal.contiguous(memory_format=torch.channels_last)
        for index, layer in enumerate(self._layers[:depth]):
            winners = None
            if layer.pools:
                x, winners = self._pooling.halve(x)
            x = _convolve(x, layer, first=index == 0)
            yield Step(layer, x, winners)


def build_network(
    name: NetworkName, tensors: Mapping[str, Tensor], device: torch.device
) -> Network:
    """Build a network of the given weights.

    Args:
        name: Architecture and preprocessing.
        tensors: Weights under torchvision's names: features.<i>.weight and .bias;
            others are ignored. Their precision becomes the network's.
        device: Where to keep them.

    Raises:
        WeightsDamaged: A tensor is missing or does not fit its neighbors.
    """
    layers: list[Layer] = []
    position, channels = 0, 3
    for layer_name in layer_names(name):
        pools = layer_name.endswith("_1") and position > 0
        position += int(pools)  # torchvision counts poolings and ReLUs, too
        layer = _layer(layer_name, tensors, f"features.{position}", device)
        if layer.weight.shape[1:] != (channels, 3, 3):
            shape = tuple(layer.weight.shape)
            raise WeightsDamaged(f"{name}: features.{position}.weight is {shape}")
        layers.append(layer)
        position, channels = position + 2, layer.weight.shape[0]
    mean, std = (
        torch.tensor(colors, device=device, dtype=layers[0].weight.dtype)
        for colors in PREPROCESSING[name]
    )
    return Network(tuple(layers), mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1))


def _layer(
    name: str, tensors: Mapping[str, Tensor], key: str, device: torch.device
) -> Layer:
    try:
        weight, bias = tensors[f"{key}.weight"], tensors[f"{key}.bias"]
    except KeyError as error:
        raise WeightsDamaged(f"tensor {error.args[0]} is missing") from error
    weight = weight.to(device)
    mirrored = weight.flip(2, 3).transpose(0, 1)
    return Layer(
        name=name,
        weight=weight.contiguous(memory_format=torch.channels_last),
        bias=bias.to(device),
        mirrored=mirrored.contiguous(memory_format=torch.channels_last),
        pools=name.endswith("_1") and name != "relu1_1",
    )


def _convolve(x: Tensor, layer: Layer, *, first: bool) -> Tensor:
    """Convolve and rectify.

    The image is padded by repeating its edge: the zeros of the published network are
    a color like any other, and paint a speckled frame into the result.
    """
    if not first:
        return F.conv2d(x, layer.weight, layer.bias, padding=1).relu_()
    padded = F.pad(x, (1, 1, 1, 1), "replicate")
    padded = padded.contiguous(memory_format=torch.channels_last)
    return F.conv2d(padded, layer.weight, layer.bias).relu_()


def _convolve_back(gradient: Tensor, layer: Layer, *, first: bool) -> Tensor:
    """Gradient by the input of `_convolve`, given the one by its output."""
    if not first:
        return F.conv2d(gradient, layer.mirrored, padding=1)
    # Written out since torch's own backward of replicate padding adds up in any order
    # on CUDA: what fell on the padding belongs to the edge it repeated.
    padded = F.conv2d(gradient, layer.mirrored, padding=2)  # (1, 3, H + 2, W + 2)
    padded[..., 1, :] += padded[..., 0, :]
    padded[..., -2, :] += padded[..., -1, :]
    padded[..., 1] += padded[..., 0]
    padded[..., -2] += padded[..., -1]
    return padded[..., 1:-1, 1:-1]
