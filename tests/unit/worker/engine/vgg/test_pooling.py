from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
import torch

from shared.params.style import PoolingName
from worker.engine.vgg.pooling import POOLINGS, max_pool_backward_deterministic

if TYPE_CHECKING:
    from torch import Tensor


def map_of(height: int, width: int) -> Tensor:
    """All different, channels innermost as in the network."""
    values = torch.arange(2.0 * height * width, dtype=torch.float64)
    x = values.sin().view(1, 2, height, width)
    return x.contiguous(memory_format=torch.channels_last)


def test_every_pooling_a_client_may_ask_for_exists() -> None:
    assert set(POOLINGS) == set(get_args(PoolingName))


def test_poolings_by_hand() -> None:
    x = torch.tensor([[[[1.0, 2.0, 9.0], [3.0, 6.0, 9.0]]]])

    assert POOLINGS["max"].forward(x).tolist() == [[[[6.0]]]]
    assert POOLINGS["average"].forward(x).tolist() == [[[[3.0]]]]


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (1, 5), (5, 1), (1, 1)])
def test_the_way_back_agrees_with_autograd(
    name: PoolingName, size: tuple[int, int]
) -> None:
    pooling, x = POOLINGS[name], map_of(*size).requires_grad_()
    pooled = pooling.forward(x)
    output_gradient = (
        torch.arange(pooled.numel(), dtype=x.dtype).cos().view(pooled.shape)
    )

    (expected,) = torch.autograd.grad((pooled * output_gradient).sum(), x)
    back = pooling.backward(output_gradient, x.detach())

    assert torch.allclose(back, expected, rtol=1e-12)
    assert back.stride() == x.stride()


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_way_back_in_plain_steps_is_that_of_torch(
    size: tuple[int, int], precision: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(4)
    x = torch.randint(0, 3, (1, 4, *size), generator=generator).to(precision)  # ties
    x = x.contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(POOLINGS["max"].forward(x).shape, generator=generator)
    gradient = gradient.to(precision)
    before = gradient.clone()

    found = max_pool_backward_deterministic(gradient, x)

    assert torch.equal(found, POOLINGS["max"].backward(gradient, x))
    assert torch.equal(gradient, before)
    assert found.is_contiguous(memory_format=torch.channels_last)
