"""The frozen network: VGG cut at named layers, forward and backward by hand.

Autograd is not used: only the gradient by the image is needed, never by the weights.
Channels are innermost in memory, so that Gram matrices need no copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from shared.errors import WeightsDamaged
from shared.params.networks import layer_names
from worker.engine.vgg.convolution import make_convolution
from worker.engine.vgg.pooling import POOLINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from torch import Tensor

    from shared.params.networks import NetworkName
    from shared.params.style import PoolingName
    from worker.engine.vgg.convolution import Convolution, ConvolutionAlgorithm
    from worker.engine.vgg.cuda_graphs import Record

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
    """One convolution with its ReLU, and the pooling before it, if any.

    Attributes:
        name: Of its output: relu<block>_<index>.
        convolution: What it does.
        pools: Whether the input is halved first.
    """

    name: str
    convolution: Convolution
    pools_input: bool

    @property
    def channels(self) -> int:
        """C of the output."""
        return self.convolution.weight.shape[0]

    @property
    def precision(self) -> torch.dtype:
        """Of the output."""
        return self.convolution.backward_weight.dtype

    @property
    def item_bytes(self) -> int:
        """Of one activation."""
        return self.precision.itemsize


@dataclass(frozen=True, slots=True)
class LayerActivation:
    """What the backward pass needs of one layer.

    Attributes:
        layer: The layer that ran.
        activation: Its output, (1, C, H, W).
    """

    layer: Layer
    activation: Tensor


class Network:
    """A frozen VGG that maps an image to activations, and gradients back to it.

    Args:
        layers: Shallow to deep.
        mean: Of colors, (1, 3, 1, 1).
        std: Of colors, (1, 3, 1, 1).
        pooling: How maps are halved between blocks.
        record: Records fixed work on its device, to replay it; None: never.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        mean: Tensor,
        std: Tensor,
        pooling: PoolingName = "max",
        capture_graph: Record | None = None,
    ) -> None:
        self.capture_graph = capture_graph
        self._layers = layers
        self._mean, self._std = mean, std
        self._pooling = POOLINGS[pooling]

    def with_pooling(self, pooling: PoolingName) -> Network:
        """Look through the same weights with another pooling; costs nothing."""
        return Network(self._layers, self._mean, self._std, pooling, self.capture_graph)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and where images must be."""
        return self._mean.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of images, and of all but activations and gradients by them."""
        return self._mean.dtype

    @property
    def precision(self) -> torch.dtype:
        """Precision of activations and gradients by them."""
        return self._layers[0].precision

    def layers_up_to(self, names: Collection[str]) -> tuple[Layer, ...]:
        """The layers that run to reach the deepest of `names`, shallow to deep."""
        depths = (i for i, layer in enumerate(self._layers, 1) if layer.name in names)
        return self._layers[: max(depths, default=0)]

    def compute_activations(
        self, image: Tensor, names: Collection[str]
    ) -> dict[str, Tensor]:
        """Look at an image, (1, 3, H, W) in [0, 1], through the layers named."""
        return dict(self.iterate_activations(image, names))

    def iterate_activations(
        self, image: Tensor, names: Collection[str]
    ) -> Iterator[tuple[str, Tensor]]:
        """The same one by one, shallow to deep, so that none need be kept."""
        for step in self._run(image, names):
            if step.layer.name in names:
                yield step.layer.name, step.activation

    def forward(self, image: Tensor, names: Collection[str]) -> list[LayerActivation]:
        """Run to the deepest of `names`, keeping what `backward` needs.

        Args:
            image: (1, 3, H, W), RGB in [0, 1], or (1, 1, H, W), gray. No size is too
                small: see `Pooling`.
            names: The layers that `backward` will be given gradients for.
        """
        return list(self._run(image, names))

    def backward(
        self,
        steps: list[LayerActivation],
        gradient_at: Callable[[str, Tensor], Tensor | None],
    ) -> Tensor:
        """Carry gradients at layers back to the image.

        Args:
            steps: Of `forward`; emptied on the way, to free memory early.
            gradient_at: Gives the gradient by one layer's activation, or None, when
                called with its name and activation; deepest first. It is changed.

        Returns:
            The gradient by the image, (1, 3, H, W).
        """
        gradient: Tensor | None = None
        while steps:
            step = steps.pop()
            added = gradient_at(step.layer.name, step.activation)
            gradient = _sum(gradient, added, step.activation)
            _cut_off(gradient, step.activation)
            gradient = step.layer.convolution.backward(gradient)
            if step.layer.pools_input:
                gradient = self._pooling.backward(gradient, steps[-1].activation)
        if gradient is None:
            raise ValueError("no steps to go back")
        return (gradient / self._std).contiguous()

    def _run(self, image: Tensor, names: Collection[str]) -> Iterator[LayerActivation]:
        normal = (image - self._mean) / self._std  # (1, 3, H, W), also of a gray one
        x = normal.contiguous(memory_format=torch.channels_last)
        for layer in self.layers_up_to(names):
            if layer.pools_input:
                x = self._pooling.forward(x)
            x = layer.convolution.forward(x)
            yield LayerActivation(layer, x)


def build_network(
    name: NetworkName,
    tensors: Mapping[str, Tensor],
    device: torch.device,
    algorithm: ConvolutionAlgorithm = "direct",
    precision: torch.dtype | None = None,
    capture_graph: Record | None = None,
) -> Network:
    """Build a network of the given weights.

    Args:
        name: Architecture and preprocessing.
        tensors: Weights under torchvision's names: features.<i>.weight and .bias;
            others are ignored. Their precision becomes that of images.
        device: Where to keep them.
        algorithm: How to convolve.
        precision: Of activations; None: that of the weights.
        record: Records fixed work on the device, to replay it; None: never.

    Raises:
        WeightsDamaged: A tensor is missing or does not fit its neighbors.
    """
    layers: list[Layer] = []
    position, channels = 0, 3
    for layer_name in layer_names(name):
        pools = layer_name.endswith("_1") and position > 0
        position += int(pools)  # torchvision counts poolings and ReLUs, too
        weight, bias = _weights(tensors, f"features.{position}", device)
        if weight.shape[1:] != (channels, 3, 3):
            shape = tuple(weight.shape)
            raise WeightsDamaged(f"{name}: features.{position}.weight is {shape}")
        convolution = make_convolution(weight, bias, algorithm, precision)
        layers.append(Layer(layer_name, convolution, pools))
        position, channels = position + 2, weight.shape[0]
    mean, std = (
        torch.tensor(colors, device=device, dtype=layers[0].convolution.weight.dtype)
        for colors in PREPROCESSING[name]
    )
    mean, std = mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)
    return Network(tuple(layers), mean, std, capture_graph=capture_graph)


def _weights(
    tensors: Mapping[str, Tensor], key: str, device: torch.device
) -> tuple[Tensor, Tensor]:
    try:
        weight, bias = tensors[f"{key}.weight"], tensors[f"{key}.bias"]
    except KeyError as error:
        raise WeightsDamaged(f"tensor {error.args[0]} is missing") from error
    return weight.to(device), bias.to(device)


def _sum(gradient: Tensor | None, added: Tensor | None, like: Tensor) -> Tensor:
    if added is None:
        return torch.zeros_like(like) if gradient is None else gradient
    return added if gradient is None else gradient.add_(added)


def _cut_off(gradient: Tensor, activation: Tensor) -> None:
    """Go back through the ReLU, in place: nothing passes where it was off."""
    torch.ops.aten.threshold_backward.grad_input(
        gradient, activation, 0, grad_input=gradient
    )
