"""Style picture "mosaic": a floor of glazed tiles, laid in overlapping fans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from samples.textures import Array, blend, lit, palette, picture, smooth_noise

if TYPE_CHECKING:
    from PIL import Image

_SCALE = 2
_RADIUS = 1 / 7  # radius of a fan; lengths in this module are in widths of the picture
_TILE = 1 / 52
_GROUT = 1 / 420
_BEVEL = 1 / 220

_SCHEMES = (
    palette("f4e9cd", "7cc6c0", "1f8f9b", "14507f", "122a5c", "d9a22b"),
    palette("fdf0c4", "f7cf57", "ee9b25", "d2541f", "8c2319", "1c3f74"),
    palette("f1ead2", "b9cf7a", "5d9f55", "1f6b54", "153f4a", "e9b93b"),
    palette("f8e3cf", "eeb08f", "cf5f57", "8b2f4f", "4b1e4a", "2f8f95"),
)


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Tile of each pixel (-1 for none), and the distance to the tile's edge, px."""

    owner: np.ndarray
    edge: Array


def draw_mosaic(seed: int, width: int = 768, height: int = 576) -> Image.Image:
    """Draw the mosaic; the same seed and size give the same picture."""
    generator = np.random.default_rng(seed)
    wide, high = width * _SCALE, height * _SCALE
    fans = _fans(wide, high)
    fan_of, fan_edge = _overlap(fans, wide, high)
    stones, colors = _stones(generator, fans, wide, high)
    tiles = _voronoi(stones, fan_of, fan_edge, _TILE * wide)
    grain = smooth_noise(generator, high, wide, 5)[..., None]
    covered = (tiles.edge > _GROUT * wide / 2) & (tiles.owner >= 0)
    glaze = colors[tiles.owner] * (0.9 + 0.2 * grain)
    mortar = palette("4a4039")[0] * (0.7 + 0.5 * grain)
    surface = np.where(covered[..., None], glaze, mortar)
    rise = np.clip((tiles.edge - _GROUT * wide / 2) / (_BEVEL * wide), 0, 1)
    dome = np.sqrt(1 - (1 - rise) ** 2) + _tilt(generator, stones, tiles, wide)
    relief = np.where(covered, dome, -0.3) + 0.1 * grain[..., 0]
    return picture(lit(surface, relief, depth=2.6, gloss=0.5), _SCALE)


def _fans(wide: int, high: int) -> Array:
    """Return the centers of the fans from the back to the front, (n, 2) px."""
    radius = _RADIUS * wide
    return np.array(
        [
            (x + (row % 2) * radius, y)
            for row, y in enumerate(np.arange(0, high + 2 * radius, radius / 2))
            for x in np.arange(-2 * radius, wide + 2 * radius, 2 * radius)
        ]
    )


def _overlap(fans: Array, wide: int, high: int) -> tuple[np.ndarray, Array]:
    """Return the front fan of each pixel, and the distance to a fan's border, px."""
    y, x = np.mgrid[:high, :wide].astype(float)
    radius = _RADIUS * wide
    owner = np.full((high, wide), -1)
    edge = np.full((high, wide), radius)
    for index, (center_x, center_y) in enumerate(fans):
        inward = radius - np.hypot(x - center_x, y - center_y)
        owner[inward > 0] = index
        edge = np.where(inward > 0, inward, np.minimum(edge, -inward))
    return owner, edge


def _stones(
    generator: np.random.Generator, fans: Array, wide: int, high: int
) -> tuple[Array, Array]:
    """Return every stone as (x, y, fan), and the colors of the stones."""
    radius, tile = _RADIUS * wide, _TILE * wide
    rings = round(radius / tile)
    mood = smooth_noise(generator, 256, 256, 75)
    stones, colors = [], []
    for index, (center_x, center_y) in enumerate(fans):
        u, v = np.clip([center_x / wide, center_y / wide], 0, 1)
        picked = mood[int(v * 255), int(u * 255)] * 4.4 + generator.normal(0, 0.5)
        scheme = _SCHEMES[int(np.clip(picked, 0, 3))]
        for ring in range(rings):
            away = (ring + 0.5) / rings * radius
            count = max(1, round(2 * np.pi * away / (tile * 1.12)))
            angles = (np.arange(count) + generator.random()) / count * 2 * np.pi
            angles += generator.normal(0, 0.10, count) / max(ring, 1) * 0.7
            x, y = center_x + away * np.cos(angles), center_y + away * np.sin(angles)
            at = np.full(count, ring / (rings - 1)) + generator.normal(0, 0.06, count)
            tone = generator.normal(1, 0.13, (count, 1))
            stones.append(np.stack([x, y, np.full(count, index)], 1))
            colors.append(
                blend(scheme, at) * tone + generator.normal(0, 0.02, (count, 3))
            )
    every, paint = np.concatenate(stones), np.clip(np.concatenate(colors), 0, 1)
    inside = (np.abs(every[:, 0] - wide / 2) < wide / 2 + tile) & (
        np.abs(every[:, 1] - high / 2) < high / 2 + tile
    )
    return every[inside], paint[inside]


def _voronoi(stones: Array, fan_of: np.ndarray, fan_edge: Array, tile: float) -> _Tiles:
    """Assign each pixel to the nearest stone of its fan."""
    high, wide = fan_of.shape
    first, second = np.full((2, high, wide), np.inf)
    owner, rival = np.full((2, high, wide), -1)
    reach = int(tile * 1.7)
    for index, (x, y, fan) in enumerate(stones):
        rows = slice(max(0, int(y) - reach), max(0, int(y) + reach))
        columns = slice(max(0, int(x) - reach), max(0, int(x) + reach))
        own = fan_of[rows, columns] == fan
        down, right = np.ogrid[rows, columns]
        down, right = down[: own.shape[0]], right[:, : own.shape[1]]
        away = np.where(own, (right - x) ** 2 + (down - y) ** 2, np.inf)
        best, next_best = first[rows, columns], second[rows, columns]
        best_owner, next_owner = owner[rows, columns], rival[rows, columns]
        nearest = away < best
        near = ~nearest & (away < next_best)
        next_best[...] = np.where(nearest, best, np.where(near, away, next_best))
        next_owner[...] = np.where(
            nearest, best_owner, np.where(near, index, next_owner)
        )
        best_owner[nearest], best[nearest] = index, away[nearest]
    gap = np.linalg.norm(stones[owner, :2] - stones[rival, :2], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        bisector = (second - first) / (2 * gap)
    alone = ~np.isfinite(bisector)
    return _Tiles(owner, np.where(alone, fan_edge, np.minimum(bisector, fan_edge)))


def _tilt(
    generator: np.random.Generator, stones: Array, tiles: _Tiles, wide: int
) -> Array:
    """Return a relief that tilts each stone differently, so that the floor glitters."""
    y, x = np.indices(tiles.owner.shape)
    slopes = generator.normal(0, 2.2, (len(stones), 2))[tiles.owner]
    away_x, away_y = x - stones[tiles.owner, 0], y - stones[tiles.owner, 1]
    return (slopes[..., 0] * away_x + slopes[..., 1] * away_y) / (_TILE * wide) * 0.6
