"""Weights of VGG-16 in the formats of the peers; the network is the same in each.

There are two conventions. Caffe's networks take pixels of 0..255 minus the mean.
torchvision's networks take normalized pixels of 0..1, and their activations are about
57 times smaller. Each peer's constants (content to style, total variation) were chosen
for one of them. If the biases of a ReLU network and its input are divided by k, so are
its activations. So the original weights fit both conventions: only the unit changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torchvision.models.vgg import cfgs, make_layers

from bench.engine.layers import CONVOLUTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

CAFFE_FILE = "vgg16.pth"  # neural-style-pt chooses the network by the file name
TORCHVISION_FILE = "torchvision-vgg16.pth"
GATYS_FILE = "model/vgg_conv.pth"  # path that SPST reads

_FIRST = "features.0.weight"
_FIRST_BIAS = "features.0.bias"
# Mean RGB of the original weights, in [0, 1].
_MEAN = torch.tensor((0.48235, 0.45882, 0.40784))
_WHITE = 255
_TORCHVISION_MEAN = torch.tensor((0.485, 0.456, 0.406))
_TORCHVISION_STD = torch.tensor((0.229, 0.224, 0.225))
UNIT = float(_WHITE * _TORCHVISION_STD.mean())  # 57.6


def write(weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write the weights in all formats into `folder`."""
    torch.save(caffe(weights), folder / CAFFE_FILE)
    torch.save(torchvision(weights), folder / TORCHVISION_FILE)
    (folder / GATYS_FILE).parent.mkdir(exist_ok=True)
    torch.save(gatys(weights), folder / GATYS_FILE)


def caffe(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in loadcaffe's format: the first convolution takes BGR."""
    flipped = weights[_FIRST].flip(1).contiguous()
    return {**weights, _FIRST: flipped}


def gatys(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return Caffe's weights by Gatys's names of the layers (`conv1_1.weight`)."""
    tensors = caffe(weights)
    return {
        f"{name.replace('relu', 'conv')}.{kind}": tensors[f"features.{place}.{kind}"]
        for name, place in CONVOLUTIONS.items()
        for kind in ("weight", "bias")
    }


def torchvision(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights for torchvision's preprocessing; activations are 1 / `UNIT`.

    The means differ by less than a gray level. The bias of the first convolution
    corrects this, except at the edge with zero padding.
    """
    first = weights[_FIRST]
    gap = (_TORCHVISION_MEAN - _MEAN).view(1, 3, 1, 1) * _WHITE
    shifted = weights[_FIRST_BIAS] + (first * gap).sum((1, 2, 3))
    scaled = {
        name: tensor / UNIT if name.endswith("bias") else tensor
        for name, tensor in weights.items()
    }
    std = _TORCHVISION_STD.view(1, 3, 1, 1) * _WHITE
    return {**scaled, _FIRST: first * std / UNIT, _FIRST_BIAS: shifted / UNIT}


def vgg16(folder: Path) -> nn.Sequential:
    """Return torchvision's modules with these weights, without a classifier.

    Peers build torchvision's whole VGG and remove the classifier; its 500 MB are not
    counted in their memory.
    """
    layers: nn.Sequential = make_layers(cfgs["D"])
    prefix = "features."
    found = torch.load(folder / TORCHVISION_FILE)
    tensors = {name.removeprefix(prefix): each for name, each in found.items()}
    layers.load_state_dict(tensors, strict=False)  # two convolutions are missing
    return layers
