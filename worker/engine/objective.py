"""Objective of a style transfer: losses of an image, and their gradient."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from worker.engine.losses.content_tv import (
    add_seam_variation,
    add_total_variation,
    content_loss,
)
from worker.engine.losses.statistics import apply_affine_gradient
from worker.engine.neighbor_style import NeighborMatches, NeighborStyleLoss
from worker.engine.relation_content import RelationContentLoss
from worker.engine.targets import (
    STYLE_LOSSES,
    ContentTargets,
    build_feature_extractor,
    build_style_targets,
    crop_spatial_weights,
    distribute_weight,
    sum_statistics,
)
from worker.engine.vgg.cuda_graphs import GraphedCallable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from shared.params.style import StyleLoss, StyleParams
    from worker.engine.images.pyramid import PyramidScale
    from worker.engine.images.tiling import RunLimits, Tile
    from worker.engine.losses.statistics import AffineGradient
    from worker.engine.neighbor_style import GradientAt
    from worker.engine.targets import StyleTarget, TiledFeatureExtractor
    from worker.engine.vgg.network import LayerOutput, Network


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of one image: three weighted terms, and their sum.

    A term whose weight is 0 is not evaluated; its value is 0.
    """

    total: float
    content: float
    style: float
    tv: float


class Objective:
    """alpha * content + beta * style + tv_weight * TV; Gatys et al. (2016), eq. 7.

    The targets are computed once, at construction, from images of the size to be
    optimized. With tiles, the content targets are computed again in each evaluation,
    since they would take far more memory than the image.

    Args:
        network: Network that computes the activations.
        params: Weights, layers and losses.
        scale: Photo and paintings at the size of the scale.
        limits: Memory and callback after each tile.
        start: Image that the scale begins with, (1, C, H, W); None for the photo.
        matches: Matches of the neighbors loss, filled if empty; None for new matches.
    """

    def __init__(
        self,
        network: Network,
        params: StyleParams,
        scale: PyramidScale,
        limits: RunLimits,
        start: Tensor | None = None,
        matches: NeighborMatches | None = None,
    ) -> None:
        self._tv_weight, self._after_tile = params.tv_weight, limits.after_tile
        self._seamless = params.seamless
        style_layers = distribute_weight(params.style_layers, params.style_weight)
        weights = distribute_weight(params.content_layers, params.content_weight)
        self._extractor = build_feature_extractor(
            network,
            weights.keys() | style_layers.keys(),
            scale.size,
            params,
            limits,
            wraps=params.seamless,
        )
        self._content, self._relations = _build_content(
            self._extractor, scale.content, weights, params, limits.after_tile
        )
        style_extractor = replace(self._extractor, layer_names=style_layers.keys())
        self._styles: dict[str, list[StyleTarget]] = {}
        self._neighbors: NeighborStyleLoss | None = None
        if params.style_loss != "neighbors":
            self._styles = build_style_targets(network, params, scale, limits)
        elif style_layers:
            self._neighbors = NeighborStyleLoss(
                style_extractor,
                params,
                scale,
                scale.content if start is None else start,
                matches or NeighborMatches(),
                limits,
            )
        self._tiled_style: TiledStyleLoss | None = None
        if len(self._extractor.tiles) > 1 and self._styles:
            kind = params.style_loss
            self._tiled_style = TiledStyleLoss(
                style_extractor, self._styles, kind, self._after_tile
            )
        self._graph: GraphedCallable | None = None
        if network.capture_graph and self._can_capture(params):
            self._graph = GraphedCallable(network.capture_graph)

    def evaluate(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Compute the losses of an image and the gradient by it, of the same shape.

        Args:
            image: Image, (1, 3, H, W), or (1, 1, H, W), gray.
        """
        if self._graph is None:
            content, style, tv, gradient = self._compute(image)
        else:
            content, style, tv, gradient = self._graph.run(self._compute, image)
        self._after_tile()
        losses = [float(loss) for loss in (content, style, tv)]
        return Losses(sum(losses), *losses), gradient

    def _can_capture(self, params: StyleParams) -> bool:
        """Whether the evaluation can be captured as a CUDA graph, by a fixed rule.

        Tiles, the Wasserstein loss and the relations loss read values back from the
        device, which a CUDA graph cannot capture. The neighbors loss does not, but was
        never captured.
        """
        is_plain = params.style_loss == "gram" and self._relations is None
        return is_plain and len(self._extractor.tiles) == 1

    def _compute(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return three losses, (), and the gradient, (1, C, H, W), on the device."""
        sums = _LossSums(image)
        gradient = torch.zeros_like(image)
        if self._extractor.layer_names:
            if self._tiled_style is not None:
                sums.style = self._tiled_style.evaluate(image)
            if self._relations is not None and len(self._extractor.tiles) > 1:
                sums.content = self._relations.evaluate(image)
            for index, tile in enumerate(self._extractor.tiles):
                if index:
                    self._after_tile()
                tile.add_to(gradient, self._compute_tile(image, tile, sums))
        if self._tv_weight:
            self._add_variation(image, gradient, sums)
        return sums.content, sums.style, sums.tv, gradient

    def _add_variation(self, image: Tensor, gradient: Tensor, sums: _LossSums) -> None:
        """Add the total variation to the sums, and its gradient, in place."""
        for span in dict.fromkeys(tile.rows for tile in self._extractor.tiles):
            rows = slice(span.start, span.stop)
            strip = add_total_variation(image, gradient, rows, self._tv_weight)
            sums.tv = sums.tv + strip
        if self._seamless:
            seam = add_seam_variation(image, gradient, self._tv_weight)
            sums.tv = sums.tv + seam

    def _compute_tile(self, image: Tensor, tile: Tile, sums: _LossSums) -> Tensor:
        """Return the gradient by a tile's crop, of the losses at its core."""
        content_gradients = self._make_content_gradients(tile, sums)
        strides = self._extractor.strides

        crop = tile.crop(image)
        outputs = self._extractor.network.forward(crop, self._extractor.layer_names)
        neighbor_gradient_at = self._evaluate_neighbors(tile, outputs, sums)

        def gradient_at(name: str, features: Tensor) -> Tensor | None:
            core = tile.crop_core(features, strides[name])
            gradients = []
            if core.numel():
                gradients = self._style_gradients(name, core, tile, sums)
                gradients += content_gradients(name, core)
            total = tile.sum_core_gradients(gradients, features, strides[name])
            added = neighbor_gradient_at(name, features)
            if total is None or added is None:
                return added if total is None else total
            return total.add_(added)

        color_gradient = self._extractor.network.backward(outputs, gradient_at)
        return color_gradient.sum_to_size(crop.shape)

    def _make_content_gradients(
        self, tile: Tile, sums: _LossSums
    ) -> Callable[[str, Tensor], list[Tensor]]:
        """Return the gradient function of the content; it adds the loss to `sums`."""
        targets = self._content.get_features(tile)

        def gradients(name: str, core: Tensor) -> list[Tensor]:
            result = None
            if self._relations is not None:
                result = self._relations.tile_gradient(name, core, tile)
            elif name in targets:
                result = content_loss(core, targets[name], self._content.factors[name])
            if result is None:
                return []
            value, gradient = result
            sums.content = sums.content + value
            return [gradient]

        return gradients

    def _evaluate_neighbors(
        self, tile: Tile, outputs: Sequence[LayerOutput], sums: _LossSums
    ) -> GradientAt:
        if self._neighbors is None:
            return lambda _name, _features: None
        activations = {output.layer.name: output.activation for output in outputs}
        value, gradient_at = self._neighbors.evaluate(tile, activations)
        sums.style = sums.style + value
        return gradient_at

    def _style_gradients(
        self, name: str, core: Tensor, tile: Tile, sums: _LossSums
    ) -> list[Tensor]:
        if self._tiled_style is not None:
            return self._tiled_style.tile_gradients(name, core, tile)
        gradients = []
        for target in self._styles.get(name, ()):
            value, gradient = target.term.evaluate(core, target.spatial_weights)
            sums.style = sums.style + value
            gradients.append(gradient)
        return gradients


class TiledStyleLoss:
    """Style loss of an image in tiles, and its gradients at each tile.

    `evaluate` is the first of two passes over the tiles, `tile_gradients` is for the
    second. The statistics of the whole image are added up tile by tile: Galerne et al.
    (2024), "Scaling Painting Style Transfer", Computer Graphics Forum (arXiv
    2212.13459).

    Feature maps with fewer positions than channels are assembled and evaluated as a
    whole, since their moments do not have full rank. These maps are small.

    Args:
        extractor: Feature extractor with more than one tile.
        targets: Style targets by layer.
        style_loss: Kind of the targets.
        after_tile: Callback after each tile.
    """

    def __init__(
        self,
        extractor: TiledFeatureExtractor,
        targets: Mapping[str, list[StyleTarget]],
        style_loss: StyleLoss,
        after_tile: Callable[[], None],
    ) -> None:
        self._extractor, self._targets = extractor, targets
        self._after_tile = after_tile
        self._compute_statistics, _ = STYLE_LOSSES[style_loss]
        self._affine_gradients: dict[str, list[AffineGradient]] = {}
        self._map_gradients: dict[str, list[Tensor]] = {}

    def evaluate(self, image: Tensor) -> Tensor:
        """Return the style loss of an image, (1, C, H, W), as the sum of terms, ()."""
        small_maps = self._make_small_maps(image)
        spatial_weights = {
            name: [target.spatial_weights for target in targets]
            for name, targets in self._targets.items()
        }
        sums = sum_statistics(
            self._extractor,
            image,
            spatial_weights,
            self._compute_statistics,
            self._after_tile,
            small_maps,
        )
        return self._evaluate_sums(sums) + self._evaluate_maps(small_maps)

    def tile_gradients(self, name: str, core: Tensor, tile: Tile) -> list[Tensor]:
        """Return the gradients by the activations at a tile's core."""
        if name not in self._targets:
            return []  # a content layer, perhaps without a stride in this extractor
        stride = self._extractor.strides[name]
        if name in self._map_gradients:
            return [
                tile.slice_core(gradient, stride).clone()
                for gradient in self._map_gradients[name]
            ]
        return [
            apply_affine_gradient(
                core, affine, crop_spatial_weights(target.spatial_weights, tile, stride)
            )
            for affine, target in zip(
                self._affine_gradients.get(name, ()),
                self._targets[name],
                strict=True,
            )
        ]

    def _make_small_maps(self, image: Tensor) -> dict[str, Tensor]:
        sizes = self._extractor.map_sizes
        channels = {
            layer.name: layer.channels
            for layer in self._extractor.network.layers_up_to(self._targets)
        }
        return {
            name: torch.empty(
                (1, channels[name], *sizes[name]),
                dtype=self._extractor.network.precision,
                device=image.device,
                memory_format=torch.channels_last,
            )
            for name in self._targets
            if sizes[name][0] * sizes[name][1] < channels[name]
        }

    def _evaluate_sums(self, sums: Mapping[str, list[Tensor]]) -> Tensor:
        self._affine_gradients = {
            name: [
                target.term.affine_gradient(moments)
                for target, moments in zip(self._targets[name], statistics, strict=True)
            ]
            for name, statistics in sums.items()
        }
        gradients = itertools.chain.from_iterable(self._affine_gradients.values())
        return torch.as_tensor(sum(affine.value for affine in gradients))

    def _evaluate_maps(self, small_maps: Mapping[str, Tensor]) -> Tensor:
        total = torch.zeros(())
        self._map_gradients = {}
        for name, features in small_maps.items():
            evaluations = [
                target.term.evaluate(features, target.spatial_weights)
                for target in self._targets[name]
            ]
            self._map_gradients[name] = [gradient for _, gradient in evaluations]
            total = total + sum(value.cpu() for value, _ in evaluations)
        return total


def _build_content(
    extractor: TiledFeatureExtractor,
    content: Tensor,
    weights: Mapping[str, float],
    params: StyleParams,
    after_tile: Callable[[], None],
) -> tuple[ContentTargets, RelationContentLoss | None]:
    """Build the content loss of a photo: targets of squared differences, or relations.

    With relations, the targets have no layers.
    """
    relations = None
    if params.content_loss == "relations" and weights:
        relations = RelationContentLoss(extractor, content, weights, params, after_tile)
        weights = {}
    targets = ContentTargets(extractor, content, weights, params, after_tile)
    return targets, relations


class _LossSums:
    """Sums of the losses over the tiles, on the device."""

    def __init__(self, like: Tensor) -> None:
        self.content = self.style = self.tv = like.new_zeros(())
