"""The objective: what a picture is measured by, its value and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from worker.engine.losses import (
    content_loss,
    content_scale,
    gram_matrix,
    mean_gram,
    style_loss,
    style_scale,
    total_variation,
)
from worker.engine.wasserstein import (
    normal,
    raw_moments,
    wasserstein_loss,
    wasserstein_scale,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from shared.params import StyleLoss, StyleParams
    from worker.engine.features import Network
    from worker.engine.losses import LossScale

# One layer's share of the objective: features to (value, gradient by the features).
Term = Callable[["Tensor"], tuple["Tensor", "Tensor"]]


@dataclass(frozen=True, slots=True)
class Losses:
    """The objective at one picture: its three terms, times their weights, and the sum.

    A term whose weight is 0 is not evaluated and reads 0.
    """

    total: float
    content: float
    style: float
    tv: float


class Objective:
    """alpha * content + beta * style + tv_weight * TV; Gatys et al. (2016), eq. 7.

    The targets are computed once, at construction, from pictures of the size that
    will be optimized.
    """

    def __init__(
        self,
        network: Network,
        params: StyleParams,
        content: Tensor,
        styles: Sequence[Tensor],
    ) -> None:
        self._network = network
        self._tv_weight = params.tv_weight
        self._content = _content_terms(network, params, content)
        self._style = _style_terms(network, params, styles)
        self._names = set(self._content) | set(self._style)

    def evaluate(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Measure a picture and find the gradient by it, same shape.

        Args:
            image: (1, 3, H, W), or (1, 1, H, W) for a gray one.
        """
        content, style, tv = torch.zeros(3, dtype=image.dtype, device=image.device)
        gradient = torch.zeros_like(image)

        def gradient_at(name: str, features: Tensor) -> Tensor | None:
            nonlocal content, style
            added = None
            if name in self._content:
                value, added = self._content[name](features)
                content = content + value
            if name in self._style:
                value, more = self._style[name](features)
                style = style + value
                added = more if added is None else added.add_(more)
            return added

        if self._names:
            steps = self._network.forward(image, self._names)
            by_channel = self._network.backward(steps, gradient_at)
            gradient = by_channel.sum_to_size(image.shape)
        if self._tv_weight:
            tv, slope = total_variation(image, self._tv_weight)
            gradient.add_(slope)
        parts = [float(part) for part in (content, style, tv)]
        return Losses(sum(parts), *parts), gradient


def _content_terms(
    network: Network, params: StyleParams, content: Tensor
) -> dict[str, Term]:
    weights = _shares(params.content_layers, params.content_weight)
    if not weights:
        return {}
    targets = network.activations(content, weights)
    return {
        name: partial(
            content_loss,
            target=targets[name],
            factor=weight * content_scale(params.loss_scale, targets[name]),
        )
        for name, weight in weights.items()
    }


def _style_terms(
    network: Network, params: StyleParams, styles: Sequence[Tensor]
) -> dict[str, Term]:
    weights = _shares(params.style_layers, params.style_weight)
    if not weights:
        return {}
    describe, make_term = _STYLE_LOSSES[params.style_loss]
    seen: dict[str, list[Tensor]] = {name: [] for name in weights}
    for style in styles:
        for name, features in network.activations(style, weights).items():
            seen[name].append(describe(features))
    shares = [style.weight for style in params.styles]
    return {
        name: make_term(mean_gram(seen[name], shares), weight, params.loss_scale)
        for name, weight in weights.items()
    }


def _gram_term(gram: Tensor, weight: float, loss_scale: LossScale) -> Term:
    factor = weight * style_scale(loss_scale, gram)
    return partial(style_loss, target=gram, factor=factor)


def _wasserstein_term(moments: Tensor, weight: float, loss_scale: LossScale) -> Term:
    target = normal(moments)
    factor = weight * wasserstein_scale(loss_scale, target)
    return partial(wasserstein_loss, target=target, factor=factor)


def _shares(layers: dict[str, float], weight: float) -> dict[str, float]:
    """Each layer's part of a term's weight; without those that have none."""
    total = sum(layers.values())
    shares = {name: weight * layer / total for name, layer in layers.items()}
    return {name: share for name, share in shares.items() if share}


# What is remembered of a style (it can be blended), and the term made of the blend.
_STYLE_LOSSES: dict[
    StyleLoss,
    tuple[Callable[[Tensor], Tensor], Callable[[Tensor, float, LossScale], Term]],
] = {
    "gram": (gram_matrix, _gram_term),
    "wasserstein": (raw_moments, _wasserstein_term),
}
