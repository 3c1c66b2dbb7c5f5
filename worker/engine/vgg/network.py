"""Frozen VGG network up to named layers, with forward and backward by hand.

Autograd is not used: only the gradient by the image is needed, never by the weights.
Channels are innermost in memory, so that Gram matrices need no copy.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from shared.errors import WeightsDamaged
from shared.params.networks import layer_names
from worker.engine.vgg.convolution import change_padding, make_convolution
from worker.engine.vgg.pooling import POOLINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from torch import Tensor

    from shared.params.networks import NetworkName
    from shared.params.style import PoolingName
    from worker.engine.vgg.convolution import Convolution, ConvolutionAlgorithm
    from worker.engine.vgg.cuda_graphs import CaptureGraph

Colors = tuple[float, float, float]

# Mean and standard deviation of RGB in [0, 1] that the weights were trained with, by
# network. With other values there is no error, but the result looks worse.
# vgg16: the original Caffe weights, which take 0..255 minus the mean.
# vgg19: torchvision's VGG19_Weights.IMAGENET1K_V1.
PREPROCESSING: dict[NetworkName, tuple[Colors, Colors]] = {
    "vgg16": ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
    "vgg19": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """Layer: a convolution with its ReLU, and the pooling before it, if any.

    Attributes:
        name: Name of the output: relu<block>_<index>.
        convolution: Convolution with its ReLU.
        pools_input: Whether the input is pooled first.
    """

    name: str
    convolution: Convolution
    pools_input: bool

    @property
    def channels(self) -> int:
        """Number of channels of the output, C."""
        return self.convolution.weight.shape[0]

    @property
    def precision(self) -> torch.dtype:
        """Data type of the output."""
        return self.convolution.backward_weight.dtype

    @property
    def item_bytes(self) -> int:
        """Bytes of one activation."""
        return self.precision.itemsize


@dataclass(frozen=True, slots=True)
class LayerOutput:
    """Output of one layer, for the backward pass.

    Attributes:
        layer: Layer that ran.
        activation: Output of the layer, (1, C, H, W).
    """

    layer: Layer
    activation: Tensor


class Network:
    """Frozen VGG: from an image to activations, and back from gradients to the image.

    Args:
        layers: Layers, shallow to deep.
        mean: Mean of the colors, (1, 3, 1, 1).
        std: Standard deviation of the colors, (1, 3, 1, 1).
        pooling: Pooling between the blocks.
        capture_graph: Function that captures work on the device for replay, or None.
    """

    def __init__(
        self,
        layers: tuple[Layer, ...],
        mean: Tensor,
        std: Tensor,
        pooling: PoolingName = "max",
        capture_graph: CaptureGraph | None = None,
    ) -> None:
        self.capture_graph = capture_graph
        self._layers = layers
        self._mean, self._std = mean, std
        self._pooling = POOLINGS[pooling]

    def with_pooling(self, pooling: PoolingName) -> Network:
        """Return a network that shares the weights, with another pooling."""
        return Network(self._layers, self._mean, self._std, pooling, self.capture_graph)

    def with_padding(self, *, circular: bool) -> Network:
        """Return a network that shares the weights, with circular or usual padding.

        Circular padding is exact if each side of the image is a multiple of the stride
        of the deepest layer. It does not use Winograd's algorithm.
        """
        network = copy(self)
        network._layers = tuple(  # noqa: SLF001 - a copy of this object
            replace(
                layer,
                convolution=change_padding(layer.convolution, circular=circular),
            )
            for layer in self._layers
        )
        return network

    @property
    def device(self) -> torch.device:
        """Device of the weights and of images."""
        return self._mean.device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of all tensors except activations and gradients by them."""
        return self._mean.dtype

    @property
    def precision(self) -> torch.dtype:
        """Data type of activations and of gradients by them."""
        return self._layers[0].precision

    def layers_up_to(self, names: Collection[str]) -> tuple[Layer, ...]:
        """Return the layers up to the deepest of `names`, shallow to deep."""
        depths = (i for i, layer in enumerate(self._layers, 1) if layer.name in names)
        return self._layers[: max(depths, default=0)]

    def compute_activations(
        self, image: Tensor, names: Collection[str]
    ) -> dict[str, Tensor]:
        """Compute the activations of an image, (1, 3, H, W) in [0, 1], by layer."""
        return dict(self.iterate_activations(image, names))

    def iterate_activations(
        self, image: Tensor, names: Collection[str]
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield activations from shallow to deep, without storing earlier ones."""
        for output in self._run(image, names):
            if output.layer.name in names:
                yield output.layer.name, output.activation

    def forward(self, image: Tensor, names: Collection[str]) -> list[LayerOutput]:
        """Run to the deepest of `names`; return the outputs that `backward` needs.

        Args:
            image: Image, (1, 3, H, W), RGB in [0, 1], or (1, 1, H, W), gray. No size is
                too small: see `Pooling`.
            names: Layers for which `backward` will get gradients.
        """
        return list(self._run(image, names))

    def backward(
        self,
        outputs: list[LayerOutput],
        gradient_at: Callable[[str, Tensor], Tensor | None],
    ) -> Tensor:
        """Propagate gradients at layers back to the image.

        Args:
            outputs: Outputs of `forward`; emptied meanwhile, to free memory early.
            gradient_at: Function of a layer's name and activation that returns the
                gradient by the activation, or None; called for the deepest layer first.
                The gradient is changed in place.

        Returns:
            Gradient by the image, (1, 3, H, W).
        """
        gradient: Tensor | None = None
        while outputs:
            output = outputs.pop()
            added = gradient_at(output.layer.name, output.activation)
            gradient = _add_gradients(gradient, added, output.activation)
            _apply_relu_backward(gradient, output.activation)
            gradient = output.layer.convolution.backward(gradient)
            if output.layer.pools_input:
                gradient = self._pooling.backward(gradient, outputs[-1].activation)
        if gradient is None:
            raise ValueError("no steps to go back")
        return (gradient / self._std).contiguous()

    def _run(self, image: Tensor, names: Collection[str]) -> Iterator[LayerOutput]:
        normalized = (
            image - self._mean
        ) / self._std  # (1, 3, H, W), also of a gray one
        x = normalized.contiguous(memory_format=torch.channels_last)
        for layer in self.layers_up_to(names):
            if layer.pools_input:
                x = self._pooling.forward(x)
            x = layer.convolution.forward(x)
            yield LayerOutput(layer, x)


def build_network(
    name: NetworkName,
    tensors: Mapping[str, Tensor],
    device: torch.device,
    algorithm: ConvolutionAlgorithm = "direct",
    precision: torch.dtype | None = None,
    capture_graph: CaptureGraph | None = None,
) -> Network:
    """Build a network from weights.

    Args:
        name: Name of the architecture and its preprocessing.
        tensors: Weights under torchvision's names: features.<i>.weight and .bias;
            others are ignored. Their precision becomes that of images.
        device: Device of the network.
        algorithm: Algorithm of the convolutions.
        precision: Data type of activations; None for that of the weights.
        capture_graph: Function that captures work on the device for replay, or None.

    Raises:
        WeightsDamaged: A tensor is missing or does not fit its neighbors.
    """
    layers: list[Layer] = []
    position, channels = 0, 3
    for layer_name in layer_names(name):
        pools_input = layer_name.endswith("_1") and position > 0
        position += int(pools_input)  # torchvision counts poolings and ReLUs, too
        weight, bias = _get_weights(tensors, f"features.{position}", device)
        if weight.shape[1:] != (channels, 3, 3):
            shape = tuple(weight.shape)
            raise WeightsDamaged(f"{name}: features.{position}.weight is {shape}")
        convolution = make_convolution(weight, bias, algorithm, precision)
        layers.append(Layer(layer_name, convolution, pools_input))
        position, channels = position + 2, weight.shape[0]
    mean, std = (
        torch.tensor(colors, device=device, dtype=layers[0].convolution.weight.dtype)
        for colors in PREPROCESSING[name]
    )
    mean, std = mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)
    return Network(tuple(layers), mean, std, capture_graph=capture_graph)


def _get_weights(
    tensors: Mapping[str, Tensor], key: str, device: torch.device
) -> tuple[Tensor, Tensor]:
    try:
        weight, bias = tensors[f"{key}.weight"], tensors[f"{key}.bias"]
    except KeyError as error:
        raise WeightsDamaged(f"tensor {error.args[0]} is missing") from error
    return weight.to(device), bias.to(device)


def _add_gradients(
    gradient: Tensor | None, added: Tensor | None, like: Tensor
) -> Tensor:
    if added is None:
        return torch.zeros_like(like) if gradient is None else gradient
    return added if gradient is None else gradient.add_(added)


def _apply_relu_backward(gradient: Tensor, activation: Tensor) -> None:
    """Set the gradient to 0, in place, where the output of the ReLU is 0."""
    torch.ops.aten.threshold_backward.grad_input(
        gradient, activation, 0, grad_input=gradient
    )
