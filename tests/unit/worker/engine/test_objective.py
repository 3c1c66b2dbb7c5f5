from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, get_args

import pytest
import torch

from shared.params.style import StyleLoss
from tests.unit.worker.engine import numpy_reference as second
from tests.unit.worker.engine.conftest import (
    check_gradient,
    make_objective,
    picture,
)
from tests.unit.worker.engine.numpy_reference import total_variation, vgg16_activations
from worker.engine.losses.content_tv import LossScale

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network

CONTENT_LAYERS = {"relu2_2": 1.0, "relu4_2": 3.0}
STYLE_LAYERS = {"relu1_1": 2.0, "relu3_1": 1.0, "relu4_2": 1.0}


def second_terms(
    losses: tuple[str, str],
    pictures: Sequence[Tensor],
    weights: dict[str, Tensor],
) -> tuple[float, float]:
    """The content and the style loss of an image, a photo and a painting."""
    style_loss, loss_scale = losses
    arrays = {name: tensor.numpy() for name, tensor in weights.items()}
    gray = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = gray.to(torch.float64).expand(1, 3, 64, 64)
    f, p, s, n = (
        vgg16_activations(each[0].numpy(), arrays) for each in (*pictures, noise)
    )
    content_term = getattr(second, f"{loss_scale}_content")
    term = {"gram": "style"}.get(style_loss, style_loss)
    style_term = getattr(second, f"{loss_scale}_{term}")
    content = sum(
        weight / 4 * content_term(f[name], p[name], n[name])
        for name, weight in CONTENT_LAYERS.items()
    )
    if style_loss == "neighbors":  # all layers together, by the length of the photo's
        return content, style_term(f, p, s, STYLE_LAYERS)
    style = sum(
        weight / 4 * style_term(f[name], s[name])
        for name, weight in STYLE_LAYERS.items()
    )
    return content, style


@pytest.mark.parametrize("losses", [*product(get_args(StyleLoss), get_args(LossScale))])
def test_the_losses_agree_with_the_second_implementation(
    losses: tuple[str, str],
    network: Network,
    weights: dict[str, Tensor],
    photo: Tensor,
    painting: Tensor,
    make_params: Callable[..., StyleParams],
) -> None:
    style_loss, loss_scale = losses
    image = picture(18, 24, seed=9)
    params = make_params(
        loss_scale=loss_scale,
        style_loss=style_loss,
        content_layers=CONTENT_LAYERS,
        style_layers=STYLE_LAYERS,
        content_weight=2.0,
        style_weight=5.0,
        tv_weight=0.5,
    )

    found, _ = make_objective(network, params, photo, [painting]).evaluate(image)

    content, style = second_terms(losses, (image, photo, painting), weights)
    tv = total_variation(image[0].numpy())
    assert found.content == pytest.approx(2.0 * content, rel=1e-9)
    assert found.style == pytest.approx(5.0 * style, rel=1e-9)
    assert found.tv == pytest.approx(0.5 * tv, rel=1e-9)
    assert found.total == pytest.approx(2.0 * content + 5.0 * style + 0.5 * tv)


@pytest.mark.parametrize("loss_scale", ["relative", "gatys"])
@pytest.mark.parametrize("style_loss", get_args(StyleLoss))
def test_the_gradient_agrees_with_finite_differences(
    loss_scale: str,
    style_loss: str,
    network: Network,
    make_params: Callable[..., StyleParams],
) -> None:
    params = make_params(
        loss_scale=loss_scale,
        style_loss=style_loss,
        content_layers={"relu1_2": 1.0},
        style_layers={"relu1_1": 1.0, "relu1_2": 1.0, "relu2_1": 1.0},
        tv_weight=0.5,
    )
    photo, painting, image = (picture(6, 7, seed=seed) for seed in (1, 2, 3))

    check_gradient(make_objective(network, params, photo, [painting]), image, 1e-4)


def test_a_gray_picture_of_one_channel_counts_like_three_alike(
    network: Network,
    photo: Tensor,
    painting: Tensor,
    make_params: Callable[..., StyleParams],
) -> None:
    params, gray = make_params(tv_weight=0.5), picture(18, 24, seed=9)[:, :1]
    one = make_objective(network, params, photo[:, :1], [painting[:, :1]])
    tripled = (each[:, :1].expand(-1, 3, -1, -1) for each in (photo, painting))
    three = make_objective(network, params, next(tripled), [next(tripled)])

    losses, gradient = one.evaluate(gray)
    expected, slopes = three.evaluate(gray.expand(-1, 3, -1, -1).contiguous())

    assert losses.total == pytest.approx(expected.total, rel=1e-12)
    assert losses.tv == pytest.approx(expected.tv, rel=1e-12)
    assert gradient.shape == gray.shape
    assert torch.allclose(gradient, slopes.sum(1, keepdim=True), rtol=1e-9)


def test_the_photo_itself_has_no_content_loss_and_the_painting_no_style_loss(
    network: Network,
    photo: Tensor,
    painting: Tensor,
    make_params: Callable[..., StyleParams],
) -> None:
    of_photo = make_objective(network, make_params(), photo, [painting])
    of_painting = make_objective(network, make_params(), painting, [painting])

    assert of_photo.evaluate(photo)[0].content == 0.0
    assert of_painting.evaluate(painting)[0].style == 0.0


def test_equal_styles_count_like_one(
    network: Network,
    photo: Tensor,
    painting: Tensor,
    make_params: Callable[..., StyleParams],
) -> None:
    pair = make_params(styles=({"weight": 1.0}, {"weight": 9.0}))
    one = make_objective(network, make_params(), photo, [painting])
    two = make_objective(network, pair, photo, [painting, painting])

    single, double = (each.evaluate(photo)[0].style for each in (one, two))

    assert single == pytest.approx(double, rel=1e-12)


def test_a_heavier_style_pulls_the_target_its_way(
    network: Network,
    photo: Tensor,
    painting: Tensor,
    make_params: Callable[..., StyleParams],
) -> None:
    other = picture(16, 16, seed=11)

    def loss(first: float, second: float) -> float:
        styles = ({"weight": first}, {"weight": second})
        params = make_params(styles=styles, loss_scale="gatys", content_weight=0.0)
        objective = make_objective(network, params, painting, [painting, other])
        return objective.evaluate(painting)[0].style

    assert loss(9.0, 1.0) < loss(1.0, 1.0) < loss(1.0, 9.0)


def test_a_term_without_weight_is_not_evaluated(
    network: Network,
    photo: Tensor,
    painting: Tensor,
    make_params: Callable[..., StyleParams],
) -> None:
    params = make_params(content_weight=0.0, style_weight=0.0, tv_weight=1.0)

    losses, gradient = make_objective(network, params, photo, [painting]).evaluate(
        photo
    )

    assert (losses.content, losses.style) == (0.0, 0.0)
    assert losses.total == losses.tv > 0
    assert gradient.any()
