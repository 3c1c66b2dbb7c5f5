"""Targets of the objective: features of the content, statistics of the styles.

They are computed once per scale, whole or tile by tile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch

from worker.engine.images.region_masks import (
    compute_spatial_weights,
    divide_into_regions,
    resize_mask,
)
from worker.engine.images.tiling import (
    choose_tile_px,
    compute_halo_px,
    compute_strides,
    make_tiles,
)
from worker.engine.losses.content_tv import compute_content_scale
from worker.engine.losses.gram import make_gram_loss
from worker.engine.losses.statistics import (
    blend_moments,
    compute_raw_moments,
    to_accumulation_dtype,
)
from worker.engine.losses.wasserstein import make_wasserstein_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from torch import Tensor

    from shared.params.style import StyleLoss, StyleParams
    from worker.engine.images.inputs import Style
    from worker.engine.images.pyramid import PyramidScale, Size
    from worker.engine.images.region_masks import StyleRegion
    from worker.engine.images.tiling import RunLimits, Tile
    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import AffineGradient, SpatialWeights
    from worker.engine.vgg.network import Network

    ComputeStatistics = Callable[[Tensor, SpatialWeights], Tensor]

# A gray canvas hardly activates deep layers: in relu4_2 of VGG-16 its power is 0.006 of
# that of white noise. Relative to so small a target, every stroke would cost too much.
# So a content with less than this share of the noise's power is treated as if it had
# this share. The smoothest photos have 0.07.
_MIN_NOISE_SHARE = 0.05
_NOISE_PX = 64


class ContentTargets:
    """Activations of the content at the content layers.

    Args:
        extractor: Feature extractor for images of the content's size.
        content: Photo, (1, 3, H, W).
        weights: Weights of the content layers; may be empty.
        params: Parameters with the scale of the loss.
        after_tile: Callback after each tile.

    Attributes:
        factors: Weight of each layer times its normalization constant.
    """

    def __init__(
        self,
        extractor: TiledFeatureExtractor,
        content: Tensor,
        weights: Mapping[str, float],
        params: StyleParams,
        after_tile: Callable[[], None],
    ) -> None:
        self._extractor = replace(extractor, layer_names=weights.keys())
        self._image = content
        self._cached: dict[str, Tensor] | None = None
        sizes, counts = dict.fromkeys(weights, 0.0), dict.fromkeys(weights, 0)
        for tile in extractor.tiles if weights else ():
            tile_features = self._extract(tile)
            for name, features in tile_features.items():
                sizes[name] += float(to_accumulation_dtype(features).square().sum())
                counts[name] += features.numel()
            if len(extractor.tiles) == 1:
                self._cached = tile_features
            after_tile()
        if params.loss_scale == "relative":
            powers = compute_minimum_power(extractor.network, weights.keys())
            for name, power in powers.items():
                sizes[name] = max(sizes[name], power * counts[name])
        self.factors = {
            name: weight * compute_content_scale(params.loss_scale, sizes[name])
            for name, weight in weights.items()
        }

    def get_features(self, tile: Tile) -> dict[str, Tensor]:
        """Return the content's activations at the tile's core, by layer."""
        if not self.factors:
            return {}
        return self._extract(tile) if self._cached is None else self._cached

    def _extract(self, tile: Tile) -> dict[str, Tensor]:
        return dict(self._extractor.extract(self._image, tile))


def compute_minimum_power(network: Network, names: Collection[str]) -> dict[str, float]:
    """Compute the least mean square of activations of a content target, by layer.

    It is a fixed share of that of gray white noise.
    """
    network = network.with_padding(circular=False)  # so that tiles do not change it
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 1, _NOISE_PX, _NOISE_PX, generator=generator)
    noise = noise.to(network.device, network.dtype)
    return {
        name: _MIN_NOISE_SHARE * float(to_accumulation_dtype(features).square().mean())
        for name, features in network.compute_activations(noise, names).items()
    }


class StyleLossTerm(Protocol):
    """Distance of one layer's activations to a style."""

    def affine_gradient(self, moments: Tensor) -> AffineGradient:
        """Return value and gradient at an image with these statistics."""

    def evaluate(
        self, features: Tensor, spatial_weights: SpatialWeights
    ) -> tuple[Tensor, Tensor]:
        """Return value, (), and gradient by a whole feature map, (1, C, H, W)."""


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """Loss term of a style region, and the weights of its positions in the layer."""

    term: StyleLossTerm
    spatial_weights: SpatialWeights


@dataclass(frozen=True, slots=True)
class TiledFeatureExtractor:
    """Extractor of the activations of some layers, tile by tile, for one image size.

    Attributes:
        size: Height and width of the image, px.
        network: Network that computes the activations.
        layer_names: Layers to extract.
        tiles: Tiles of the image: one, or more that overlap.
    """

    size: Size
    network: Network
    layer_names: Collection[str]
    tiles: Sequence[Tile]

    @property
    def strides(self) -> Mapping[str, int]:
        """Distance in px between neighboring positions, by layer."""
        return compute_strides(self.network.layers_up_to(self.layer_names))

    @property
    def map_sizes(self) -> Mapping[str, Size]:
        """Height and width of the feature map of the whole image, by layer."""
        height, width = self.size
        return {
            name: (max(1, height // stride), max(1, width // stride))
            for name, stride in self.strides.items()
        }

    def extract(self, image: Tensor, tile: Tile) -> Iterator[tuple[str, Tensor]]:
        """Yield the activations at a tile's core, (1, C, h, w), if it has any."""
        strides = self.strides
        for name, features in self.network.iterate_activations(
            tile.crop(image), self.layer_names
        ):
            core = tile.crop_core(features, strides[name])
            if core.numel():
                yield name, core


def build_feature_extractor(
    network: Network,
    layer_names: Collection[str],
    size: Size,
    params: StyleParams,
    limits: RunLimits,
    *,
    wraps: bool = False,
) -> TiledFeatureExtractor:
    """Build an extractor, whole or in tiles: at most `tile_px`, less to fit memory.

    If the image `wraps`, its opposite edges meet: a whole image has circular padding,
    and crops of tiles continue at the opposite edge.
    """
    layers = network.layers_up_to(layer_names)
    side = choose_tile_px(size, layers, params.tile_px, limits.tile_pixels)
    halo_px = compute_halo_px(layers)
    tiles = make_tiles(size, side, halo_px)
    is_whole = len(tiles) == 1
    if wraps and not is_whole:
        tiles = make_tiles(size, side, halo_px, wraps=True)
    network = network.with_padding(circular=wraps and is_whole)
    return TiledFeatureExtractor(size, network, layer_names, tiles)


def distribute_weight(layers: Mapping[str, float], weight: float) -> dict[str, float]:
    """Distribute the weight of a loss among its layers with a weight above 0."""
    total = sum(layers.values())
    weights = {name: weight * layer / total for name, layer in layers.items()}
    return {name: layer for name, layer in weights.items() if layer}


def build_style_targets(
    network: Network,
    params: StyleParams,
    scale: PyramidScale,
    limits: RunLimits,
) -> dict[str, list[StyleTarget]]:
    """Build the style targets of each layer, one for each region of the image."""
    weights = distribute_weight(params.style_layers, params.style_weight)
    if not weights:
        return {}
    compute_statistics, make_term = STYLE_LOSSES[params.style_loss]
    statistics = [
        _compute_style_statistics(
            network, weights, style, compute_statistics, params, limits
        )
        for style in scale.styles
    ]
    regions = divide_into_regions(
        [style.mask for style in scale.styles],
        [style.weight for style in params.styles],
        scale.size,
        params.mask_feather,
    )
    sizes = build_feature_extractor(
        network, weights, scale.size, params, limits
    ).map_sizes
    return {
        name: [
            StyleTarget(
                make_term(
                    _blend_region(statistics, region, name),
                    weight * region.strength * region.area,
                    params.loss_scale,
                ),
                compute_spatial_weights(region.mask, sizes[name]),
            )
            for region in regions
        ]
        for name, weight in weights.items()
    }


def _blend_region(
    statistics: Sequence[Mapping[str, Tensor]], region: StyleRegion, name: str
) -> Tensor:
    moments = [statistics[index][name] for index in region.style_weights]
    return blend_moments(moments, list(region.style_weights.values()))


def _compute_style_statistics(
    network: Network,
    names: Collection[str],
    style: Style,
    compute_statistics: ComputeStatistics,
    params: StyleParams,
    limits: RunLimits,
) -> dict[str, Tensor]:
    """Compute the statistics of one style image, or of its region, by layer."""
    size = (style.image.shape[2], style.image.shape[3])
    extractor = build_feature_extractor(network, names, size, params, limits)
    region = None if style.region is None else resize_mask(style.region, size)
    spatial_weights = {
        name: [compute_spatial_weights(region, extractor.map_sizes[name])]
        for name in names
    }
    sums = sum_statistics(
        extractor, style.image, spatial_weights, compute_statistics, limits.after_tile
    )
    return {name: statistics for name, (statistics,) in sums.items()}


def sum_statistics(
    extractor: TiledFeatureExtractor,
    image: Tensor,
    spatial_weights: Mapping[str, Sequence[SpatialWeights]],
    compute_statistics: ComputeStatistics,
    after_tile: Callable[[], None],
    assembled_maps: Mapping[str, Tensor] | None = None,
) -> dict[str, list[Tensor]]:
    """Sum the statistics of each layer over the tiles, for each of its weights.

    The layers of `assembled_maps` are copied into these whole maps instead.
    """
    sums: dict[str, list[Tensor]] = {}
    for tile in extractor.tiles:
        for name, core in extractor.extract(image, tile):
            stride = extractor.strides[name]
            if assembled_maps and name in assembled_maps:
                tile.slice_core(assembled_maps[name], stride).copy_(core)
                continue
            tile_weights = [
                crop_spatial_weights(weights, tile, stride)
                for weights in spatial_weights[name]
            ]
            tile_statistics = [
                compute_statistics(core, weights) for weights in tile_weights
            ]
            if name in sums:
                for total, addend in zip(sums[name], tile_statistics, strict=True):
                    total.add_(addend)
            else:
                sums[name] = tile_statistics
        after_tile()
    return sums


def crop_spatial_weights(
    weights: SpatialWeights, tile: Tile, stride: int
) -> SpatialWeights:
    """Return the spatial weights at a tile's core."""
    return weights if isinstance(weights, float) else tile.slice_core(weights, stride)


# Function that computes statistics of a style, and function that makes a loss term.
STYLE_LOSSES: dict[
    StyleLoss,
    tuple[ComputeStatistics, Callable[[Tensor, float, LossScale], StyleLossTerm]],
] = {
    "gram": (compute_raw_moments, make_gram_loss),
    "wasserstein": (compute_raw_moments, make_wasserstein_loss),
}
