"""The GPU of this machine, computing as a worker does, and pictures for it."""

from __future__ import annotations

import os

import pytest
import torch

from shared.params.style import StyleParams
from worker.devices.device import make_cuda_deterministic
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.pyramid import PyramidScale
from worker.engine.images.tiling import RunLimits
from worker.engine.objective import Objective
from worker.engine.vgg.network import build_network


@pytest.fixture
def device(monkeypatch):
    """CUDA where there is one, else MPS."""
    if not torch.cuda.is_available():
        yield torch.device("mps")
        return
    monkeypatch.setenv(
        "CUBLAS_WORKSPACE_CONFIG", os.environ.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    )
    make_cuda_deterministic()
    yield torch.device("cuda")
    torch.use_deterministic_algorithms(mode=False)


@pytest.fixture
def network(vgg16_weights, device):
    """VGG-16 on the GPU; arguments as for build_network."""

    def make(**options):
        return build_network("vgg16", vgg16_weights, device, **options)

    return make


@pytest.fixture
def on_cpu(vgg16_weights):
    return build_network("vgg16", vgg16_weights, torch.device("cpu"))


def picture(seed, height=96, width=128):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=generator)
    fine = torch.rand(1, 3, height, width, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (0.8 * smooth + 0.2 * fine).clamp_(0, 1)


def inputs():
    left = torch.zeros(1, 1, 12, 16)
    left[..., :8] = 1
    labels = torch.tensor([[[[0, 1], [1, 2]]]], dtype=torch.uint8)  # for neighbors
    styles = (Style(picture(2), left, labels=labels.mT.contiguous()), Style(picture(4)))
    return TransferInputs(picture(1), styles, labels=labels)


def params_of(**changes):
    short = {
        "max_edge": 128,
        "schedule": ((64, 6), (128, 6)),
        "styles": ({}, {}),
        "tv_weight": 0.1,
    }
    return StyleParams(**{**short, **changes})


def evaluated(network, params, seed=3, limits=None):
    """Losses, and the gradient on the CPU, at one picture."""
    given = inputs()
    styles = tuple(
        Style(
            style.image.to(network.device),
            None if style.mask is None else style.mask.to(network.device),
            labels=style.labels,
        )
        for style in given.styles
    )
    scale = PyramidScale(0, given.content.to(network.device), styles, given.labels)
    objective = Objective(network, params, scale, limits or RunLimits())
    losses, gradient = objective.evaluate(picture(seed).to(network.device))
    return losses, gradient.cpu()


def alike(one, other):
    """Cosine of the angle between two tensors."""
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))
