"""The objective: what a picture is measured by, its value and its gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.content_tv import add_variation, content_loss
from worker.engine.targets import ContentTargets, shares, style_targets, view
from worker.engine.tiled_style import Overview
from worker.engine.vgg.cuda_graphs import Recorder

if TYPE_CHECKING:
    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.images.pyramid import Scale
    from worker.engine.images.tiling import Tile
    from worker.engine.limits import Limits
    from worker.engine.vgg.network import Network


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
    will be optimized. In tiles, those of the content are computed anew each time:
    they would take far more memory than the picture.
    """

    def __init__(
        self, network: Network, params: StyleParams, scale: Scale, limits: Limits
    ) -> None:
        self._tv_weight, self._tick = params.tv_weight, limits.tick
        self._styles = style_targets(network, params, scale, limits)
        weights = shares(params.content_layers, params.content_weight)
        names = weights.keys() | self._styles.keys()
        self._view = view(network, names, scale.size, params.tile_px, limits)
        self._content = ContentTargets(
            self._view, scale.content, weights, params, limits.tick
        )
        self._overview: Overview | None = None
        if len(self._view.tiles) > 1 and self._styles:
            looking = replace(self._view, names=self._styles.keys())
            kind = params.style_loss
            self._overview = Overview(looking, self._styles, kind, self._tick)
        # What is looked at in tiles reads back in between, and so does the Wasserstein
        # loss: by rule, not by trying.
        fixed = len(self._view.tiles) == 1 and params.style_loss == "gram"
        self._recorder = Recorder(network.record) if network.record and fixed else None

    def evaluate(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Measure a picture and find the gradient by it, same shape.

        Args:
            image: (1, 3, H, W), or (1, 1, H, W) for a gray one.
        """
        if self._recorder is None:
            content, style, tv, gradient = self._measure(image)
        else:
            content, style, tv, gradient = self._recorder.run(self._measure, image)
        self._tick()
        losses = [float(each) for each in (content, style, tv)]
        return Losses(sum(losses), *losses), gradient

    def _measure(self, image: Tensor) -> tuple[Tensor, ...]:
        """The three terms, (), and the gradient, (1, C, H, W), left on the device."""
        tally = _Tally(image)
        gradient = torch.zeros_like(image)
        if self._view.names:
            if self._overview is not None:
                tally.style = self._overview.look(image)
            for index, tile in enumerate(self._view.tiles):
                if index:
                    self._tick()
                tile.crop(gradient).add_(self._look(image, tile, tally))
        if self._tv_weight:
            for span in dict.fromkeys(tile.rows for tile in self._view.tiles):
                rows = slice(span.start, span.stop)
                more = add_variation(image, gradient, rows, self._tv_weight)
                tally.tv = tally.tv + more
        return tally.content, tally.style, tally.tv, gradient

    def _look(self, image: Tensor, tile: Tile, tally: _Tally) -> Tensor:
        """Gradient by a tile's crop, of what its own positions contribute."""
        wanted = self._content.maps(tile)
        strides = self._view.strides

        def gradient_at(name: str, features: Tensor) -> Tensor | None:
            core = tile.core(features, strides[name])
            if not core.numel():
                return None
            pulls = self._style_pulls(name, core, tile, tally)
            if name in wanted:
                factor = self._content.factors[name]
                value, gradient = content_loss(core, wanted[name], factor)
                tally.content = tally.content + value
                pulls.append(gradient)
            return tile.spread(pulls, features, strides[name])

        steps = self._view.network.forward(tile.crop(image), self._view.names)
        by_channel = self._view.network.backward(steps, gradient_at)
        return by_channel.sum_to_size(tile.crop(image).shape)

    def _style_pulls(
        self, name: str, core: Tensor, tile: Tile, tally: _Tally
    ) -> list[Tensor]:
        if self._overview is not None:
            return self._overview.pulls(name, core, tile)
        pulls = []
        for target in self._styles.get(name, ()):
            value, gradient = target.term.evaluate(core, target.share)
            tally.style = tally.style + value
            pulls.append(gradient)
        return pulls


class _Tally:
    """The terms as they add up, on the device."""

    def __init__(self, like: Tensor) -> None:
        self.content = self.style = self.tv = like.new_zeros(())
