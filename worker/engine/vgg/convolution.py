"""3 x 3 convolutions of the frozen network: forward, and backward to the input.

The gradient by a convolution's input is again a convolution, with the weights flipped,
so both directions run on the fast forward kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional as F
from typing_extensions import override

if TYPE_CHECKING:
    from torch import Tensor

ConvolutionAlgorithm = Literal["direct", "winograd"]

# NNPACK is not faster with fewer positions, nor with the three channels of a picture.
WINOGRAD_MIN_POSITIONS = 1500
_COLORS = 3


@dataclass(frozen=True, slots=True)
class Convolution:
    """One 3 x 3 convolution with its ReLU.

    Attributes:
        weight: Weight, (outputs, inputs, 3, 3).
        bias: Bias, (outputs,).
        backward_weight: Flipped weight for the backward pass, (inputs, outputs, 3, 3),
            in the precision of activations.
        algorithm: Algorithm of the convolution. "winograd" needs fewer multiplications
            (Lavin & Gray, 2016), rounds differently, and exists only on the CPU.
    """

    weight: Tensor
    bias: Tensor
    backward_weight: Tensor
    algorithm: ConvolutionAlgorithm

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and rectify, (1, C, H, W)."""
        return self._run(x, self.weight, self.bias).relu_()

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient by the input, from that by the output before its ReLU."""
        return self._run(gradient, self.backward_weight, None)

    def _run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # Only the shape decides: timing could choose another algorithm in the next run.
        positions = x.shape[2] * x.shape[3]
        if self.algorithm == "direct" or positions < WINOGRAD_MIN_POSITIONS:
            return F.conv2d(x, weight, bias, padding=1)
        planes = torch._nnpack_spatial_convolution(  # noqa: SLF001 - there is no public name
            x.contiguous(), weight.contiguous(), bias, [1, 1], [1, 1]
        )
        return planes.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True)
class FirstConvolution(Convolution):
    """First convolution, whose input is the image, padded by repeating its edge.

    The zero padding of the published network acts like a color, and paints a speckled
    frame into the result. The input has full precision, since bfloat16 cannot
    represent half a gray level.
    """

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Convolve and rectify, (1, 3, H, W) to (1, C, H, W)."""
        padded = F.pad(x, (1, 1, 1, 1), "replicate")
        padded = padded.contiguous(memory_format=torch.channels_last)
        output = F.conv2d(padded, self.weight, self.bias)
        return output.to(self.backward_weight.dtype).relu_()

    @override
    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient by the image, given that by the output before its ReLU.

        The gradient by the padding is added to the edge that the padding repeats. It is
        written by hand, since torch's backward pass of replicate padding adds in no
        fixed order on CUDA.
        """
        padded = F.conv2d(
            gradient, self.backward_weight, padding=2
        )  # (1, 3, H + 2, W + 2)
        padded = padded.to(self.weight.dtype)
        padded[..., 1, :] += padded[..., 0, :]
        padded[..., -2, :] += padded[..., -1, :]
        padded[..., 1] += padded[..., 0]
        padded[..., -2] += padded[..., -1]
        return padded[..., 1:-1, 1:-1]


@dataclass(frozen=True, slots=True)
class CircularConvolution(Convolution):
    """Convolution of a feature map or an image whose opposite edges meet.

    Its backward pass is circular, too, so that no gradient is lost at an edge.
    """

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Convolve and rectify, (1, C, H, W)."""
        output = F.conv2d(_wrap(x), self.weight, self.bias)
        return output.to(self.backward_weight.dtype).relu_()

    @override
    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient by the input, from that by the output before its ReLU."""
        output = F.conv2d(_wrap(gradient), self.backward_weight)
        return output.to(self.weight.dtype)


def _wrap(x: Tensor) -> Tensor:
    padded = F.pad(x, (1, 1, 1, 1), "circular")
    return padded.contiguous(memory_format=torch.channels_last)


def change_padding(convolution: Convolution, *, circular: bool) -> Convolution:
    """Return a convolution of the same weights with circular or the usual padding."""
    convolution_class = CircularConvolution if circular else _usual(convolution.weight)
    return convolution_class(
        convolution.weight,
        convolution.bias,
        convolution.backward_weight,
        convolution.algorithm,
    )


def _usual(weight: Tensor) -> type[Convolution]:
    return FirstConvolution if weight.shape[1] == _COLORS else Convolution


def make_convolution(
    weight: Tensor,
    bias: Tensor,
    algorithm: ConvolutionAlgorithm = "direct",
    precision: torch.dtype | None = None,
) -> Convolution:
    """Make a convolution with weights laid out for both directions, channels innermost.

    Args:
        weight: Weight, (outputs, inputs, 3, 3).
        bias: Bias, (outputs,).
        algorithm: Algorithm of the convolution.
        precision: Precision of activations; None for that of the weight.
    """
    precision = precision or weight.dtype
    flipped = weight.flip(2, 3).transpose(0, 1).to(precision)
    convolution_class = _usual(weight)
    if convolution_class is Convolution:
        weight, bias = weight.to(precision), bias.to(precision)
    return convolution_class(
        weight=weight.contiguous(memory_format=torch.channels_last),
        bias=bias,
        backward_weight=flipped.contiguous(memory_format=torch.channels_last),
        algorithm=algorithm,
    )


def is_winograd_available() -> bool:
    """Whether this build of torch and this CPU support NNPACK; also initializes it."""
    return bool(torch.backends.nnpack.is_available())
