"""Convolutions by either algorithm, there and back."""

from __future__ import annotations

import pytest
import torch

from worker.engine.vgg.convolution import (
    WINOGRAD_MIN_POSITIONS,
    is_winograd_available,
    make_convolution,
)

pytestmark = pytest.mark.skipif(
    not is_winograd_available(), reason="this build of torch has no NNPACK"
)


def layer(algorithm):
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(6, 5, 3, 3, generator=generator)
    return make_convolution(weight, torch.randn(6, generator=generator), algorithm)


def features(channels, height, width):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(1, channels, height, width, generator=generator)


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_winograd_gives_what_direct_convolution_gives(way):
    x = features(5 if way == "forward" else 6, 40, 50)

    direct, winograd = (getattr(layer(a), way)(x) for a in ("direct", "winograd"))

    # The transforms enlarge float32's rounding, 6e-8, some thirtyfold. Measured over
    # the whole map: single entries may cancel to nearly nothing, and their errors do
    # not.
    assert float((winograd - direct).norm() / direct.norm()) < 1e-5
    assert not torch.equal(winograd, direct)  # it really is another algorithm
    assert winograd.is_contiguous(memory_format=torch.channels_last)


def test_winograd_is_for_maps_that_are_large_enough():
    x = features(5, 1, WINOGRAD_MIN_POSITIONS - 1)

    assert torch.equal(layer("winograd").forward(x), layer("direct").forward(x))


def test_the_first_convolution_is_always_direct():
    weight, x = torch.randn(4, 3, 3, 3), features(3, 40, 50)

    one, other = (
        make_convolution(weight, torch.zeros(4), a).forward(x)
        for a in ("direct", "winograd")
    )

    assert torch.equal(one, other)
