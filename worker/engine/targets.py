"""What the content looks like to the network: kept, or looked up tile by tile.

What a picture is compared with: made once per scale from content and styles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch

from worker.engine.images.masks import divide, share_of, stretched
from worker.engine.images.tiling import halo, strides, tile_for, tiles_of
from worker.engine.losses.content_tv import content_scale
from worker.engine.losses.gram import gram_term
from worker.engine.losses.statistics import blended, gram_matrix, raw_moments
from worker.engine.losses.wasserstein import normal_term
from worker.engine.vgg.precision import widened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from torch import Tensor

    from shared.params.style import StyleLoss, StyleParams
    from worker.engine.images.inputs import Style
    from worker.engine.images.masks import Region
    from worker.engine.images.pyramid import Scale, Size
    from worker.engine.images.tiling import Tile
    from worker.engine.limits import Limits
    from worker.engine.losses.content_tv import LossScale
    from worker.engine.losses.statistics import Share, Slope
    from worker.engine.vgg.network import Network

    Describe = Callable[[Tensor, Share], Tensor]

# A gray canvas says next to nothing to deep layers: relu4_2 of VGG-16, 0.006 of what
# white noise says. Relative to nothing, every stroke would be too much, so whatever
# says less than this share counts as if it said so much. The smoothest photos say 0.07.
_LEAST_SHARE = 0.05
_NOISE_PX = 64


class ContentTargets:
    """The content's activations at the layers that are to be kept.

    Args:
        looking: How the pictures are looked at.
        content: (1, 3, H, W).
        weights: Of the layers that are to be kept; may be none.
        params: For the scale of the loss.
        tick: Called after each tile.

    Attributes:
        factors: Weight of each layer, over its constant.
    """

    def __init__(
        self,
        looking: View,
        content: Tensor,
        weights: Mapping[str, float],
        params: StyleParams,
        tick: Callable[[], None],
    ) -> None:
        self._view = replace(looking, names=weights.keys())
        self._image = content
        self._kept: dict[str, Tensor] | None = None
        sizes, counts = dict.fromkeys(weights, 0.0), dict.fromkeys(weights, 0)
        for tile in looking.tiles if weights else ():
            seen = self._look(tile)
            for name, features in seen.items():
                sizes[name] += float(widened(features).square().sum())
                counts[name] += features.numel()
            if len(looking.tiles) == 1:
                self._kept = seen
            tick()
        if params.loss_scale == "relative":
            for name, power in _power_of_noise(looking.network, weights.keys()).items():
                sizes[name] = max(sizes[name], _LEAST_SHARE * power * counts[name])
        self.factors = {
            name: weight * content_scale(params.loss_scale, sizes[name])
            for name, weight in weights.items()
        }

    def maps(self, tile: Tile) -> dict[str, Tensor]:
        """What the tile's own positions should look like, by layer."""
        if not self.factors:
            return {}
        return self._look(tile) if self._kept is None else self._kept

    def _look(self, tile: Tile) -> dict[str, Tensor]:
        return dict(self._view.maps(self._image, tile))


def _power_of_noise(network: Network, names: Collection[str]) -> dict[str, float]:
    """Mean square of each layer's activations for white noise, gray."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 1, _NOISE_PX, _NOISE_PX, generator=generator)
    seen = network.activations(noise.to(network.device, network.dtype), names)
    return {name: float(widened(each).square().mean()) for name, each in seen.items()}


class StyleTerm(Protocol):
    """One layer's distance to a style."""

    def slope(self, moments: Tensor) -> Slope:
        """Value and pull at a picture that has these moments."""

    def evaluate(self, features: Tensor, share: Share) -> tuple[Tensor, Tensor]:
        """Value, (), and gradient by a whole map, (1, C, H, W)."""


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """A term, and the positions of its layer that it is about."""

    term: StyleTerm
    share: Share


@dataclass(frozen=True, slots=True)
class View:
    """How a picture of one size is looked at: through which layers, in which tiles.

    Attributes:
        size: Height and width, px.
        network: What looks.
        names: The layers.
        tiles: One, or more that overlap.
    """

    size: Size
    network: Network
    names: Collection[str]
    tiles: Sequence[Tile]

    @property
    def strides(self) -> Mapping[str, int]:
        """Px between neighboring positions, by layer."""
        return strides(self.network.layers(self.names))

    @property
    def sizes(self) -> Mapping[str, Size]:
        """Height and width of each layer's map of the picture."""
        height, width = self.size
        return {
            name: (max(1, height // stride), max(1, width // stride))
            for name, stride in self.strides.items()
        }

    def maps(self, image: Tensor, tile: Tile) -> Iterator[tuple[str, Tensor]]:
        """The tile's own part of every layer that has one, (1, C, h, w)."""
        sizes = self.strides
        for name, features in self.network.maps(tile.crop(image), self.names):
            core = tile.core(features, sizes[name])
            if core.numel():
                yield name, core


def view(
    network: Network,
    names: Collection[str],
    size: Size,
    tile_px: int | None,
    limits: Limits,
) -> View:
    """Look whole, or in tiles of `tile_px` or what memory allows, if that is less."""
    allowed = tile_for(size, network, names, limits.activation_bytes)
    side = min(allowed or max(size), tile_px or max(size))
    return View(size, network, names, tiles_of(size, side, halo(network.layers(names))))


def shares(layers: Mapping[str, float], weight: float) -> dict[str, float]:
    """Each layer's part of a term's weight; without those that have none."""
    total = sum(layers.values())
    parts = {name: weight * layer / total for name, layer in layers.items()}
    return {name: part for name, part in parts.items() if part}


def style_targets(
    network: Network,
    params: StyleParams,
    scale: Scale,
    limits: Limits,
) -> dict[str, list[StyleTarget]]:
    """Describe the styles and aim at them, region by region, layer by layer."""
    weights = shares(params.style_layers, params.style_weight)
    if not weights:
        return {}
    describe, make_term = STYLE_LOSSES[params.style_loss]
    seen = [
        _described(network, weights, style, describe, params, limits)
        for style in scale.styles
    ]
    regions = divide(
        [style.mask for style in scale.styles],
        [style.weight for style in params.styles],
        scale.size,
        params.mask_feather,
    )
    sizes = view(network, weights, scale.size, params.tile_px, limits).sizes
    return {
        name: [
            StyleTarget(
                make_term(
                    _mixed(seen, region, name),
                    weight * region.strength * region.area,
                    params.loss_scale,
                ),
                share_of(region.place, sizes[name]),
            )
            for region in regions
        ]
        for name, weight in weights.items()
    }


def _mixed(seen: Sequence[Mapping[str, Tensor]], region: Region, name: str) -> Tensor:
    moments = [seen[index][name] for index in region.blend]
    return blended(moments, list(region.blend.values()))


def _described(
    network: Network,
    names: Collection[str],
    style: Style,
    describe: Describe,
    params: StyleParams,
    limits: Limits,
) -> dict[str, Tensor]:
    """Moments of one style picture by layer, of its region if it has one."""
    size = (style.image.shape[2], style.image.shape[3])
    looking = view(network, names, size, params.tile_px, limits)
    place = None if style.region is None else stretched(style.region, size)
    parts = {name: [share_of(place, looking.sizes[name])] for name in names}
    found = moments_of(looking, style.image, parts, describe, limits.tick)
    return {name: moments for name, (moments,) in found.items()}


def moments_of(
    looking: View,
    image: Tensor,
    parts: Mapping[str, Sequence[Share]],
    describe: Describe,
    tick: Callable[[], None],
) -> dict[str, list[Tensor]]:
    """Add up the moments of each layer over the tiles, once for each of its parts."""
    sums: dict[str, list[Tensor]] = {}
    for tile in looking.tiles:
        for name, core in looking.maps(image, tile):
            stride = looking.strides[name]
            here = [part_of(share, tile, stride) for share in parts[name]]
            more = [describe(core, share) for share in here]
            sums[name] = added(sums.get(name), more)
        tick()
    return sums


def added(before: Sequence[Tensor] | None, more: list[Tensor]) -> list[Tensor]:
    """Add one by one, in place, to what there was before."""
    if before is None:
        return more
    return [total.add_(each) for total, each in zip(before, more, strict=True)]


def part_of(share: Share, tile: Tile, stride: int) -> Share:
    """A tile's own part of what each position counts."""
    return share if isinstance(share, float) else tile.part(share, stride)


# What is remembered of a style (it can be blended), and the term made of the blend.
STYLE_LOSSES: dict[
    StyleLoss, tuple[Describe, Callable[[Tensor, float, LossScale], StyleTerm]]
] = {
    "gram": (gram_matrix, gram_term),
    "wasserstein": (raw_moments, normal_term),
}
