"""The objective: what a picture is measured by, its value and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from shared.params import StyleParams
    from worker.engine.features import Network


@dataclass(frozen=True, slots=True)
class Losses:
    """The objective at one picture: its three terms, times their weights, and the sum.

    A term whose weight is 0 is not evaluated and reads 0.
    """

    total: float
    content: float
    style: float
    tv: float


@dataclass(frozen=True, slots=True)
class Term:
    """One layer's share of the objective.

    Attributes:
        loss: Gives (value, gradient by the features), e.g. `content_loss`.
        target: What the features, or their Gram matrix, should become.
        factor: The term's weight, the layer's normalized one, and its scale.
    """

    loss: Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]
    target: Tensor
    factor: float


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
        """Measure a picture, (1, 3, H, W), and find the gradient by it, same shape."""
        content, style, tv = torch.zeros(3, dtype=image.dtype, device=image.device)
        gradient = torch.zeros_like(image)

        def gradient_at(name: str, features: Tensor) -> Tensor | None:
            nonlocal content, style
            added = None
            if name in self._content:
                value, added = _apply(self._content[name], features)
                content = content + value
            if name in self._style:
                value, more = _apply(self._style[name], features)
                style = style + value
                added = more if added is None else added.add_(more)
            return added

        if self._names:
            steps = self._network.forward(image, self._names)
            gradient = self._network.backward(steps, gradient_at)
        if self._tv_weight:
            tv, slope = total_variation(image, self._tv_weight)
            gradient.add_(slope)
        parts = [float(part) for part in (content, style, tv)]
        return Losses(sum(parts), *parts), gradient


def _apply(term: Term, features: Tensor) -> tuple[Tensor, Tensor]:
    return term.loss(features, term.target, term.factor)


def _content_terms(
    network: Network, params: StyleParams, content: Tensor
) -> dict[str, Term]:
    weights = _shares(params.content_layers, params.content_weight)
    if not weights:
        return {}
    targets = network.activations(content, weights)
    return {
        name: Term(
            content_loss,
            targets[name],
            weight * content_scale(params.loss_scale, targets[name]),
        )
        for name, weight in weights.items()
    }


def _style_terms(
    network: Network, params: StyleParams, styles: Sequence[Tensor]
) -> dict[str, Term]:
    weights = _shares(params.style_layers, params.style_weight)
    if not weights:
        return {}
    grams: dict[str, list[Tensor]] = {name: [] for name in weights}
    for style in styles:
        for name, features in network.activations(style, weights).items():
            grams[name].append(gram_matrix(features))
    shares = [style.weight for style in params.styles]
    targets = {name: mean_gram(each, shares) for name, each in grams.items()}
    return {
        name: Term(
            style_loss,
            targets[name],
            weight * style_scale(params.loss_scale, targets[name]),
        )
        for name, weight in weights.items()
    }


def _shares(layers: dict[str, float], weight: float) -> dict[str, float]:
    """Each layer's part of a term's weight; without those that have none."""
    total = sum(layers.values())
    shares = {name: weight * layer / total for name, layer in layers.items()}
    return {name: share for name, share in shares.items() if share}
