"""Common functions of the style pictures: palettes, noise, and light on a relief."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


_UP = np.array([0.0, 0.0, 1.0])  # toward the viewer
_TOWARD_LIGHT = _unit(np.array([-0.5, -0.62, 0.6]))
_HALFWAY = _unit(_TOWARD_LIGHT + _UP)
_GLOSS = 34  # exponent of the highlights, as of oil paint or glazed tiles


def palette(*names: str) -> Array:
    """Convert hex digits to colors, (n, 3) in [0, 1]."""
    return np.array([list(bytes.fromhex(name)) for name in names]) / 255


def blend(colors: Array, at: Array) -> Array:
    """Interpolate in a ramp of colors: 0 is the first color, 1 the last."""
    place = np.clip(at, 0, 1) * (len(colors) - 1)
    below = np.minimum(place.astype(int), len(colors) - 2)
    share = (place - below)[..., None]
    return colors[below] * (1 - share) + colors[below + 1] * share


def smooth_noise(
    generator: np.random.Generator, height: int, width: int, cell_px: int
) -> Array:
    """Return smooth noise in [0, 1], (height, width), with features of `cell_px`."""
    shape = height // cell_px + 3, width // cell_px + 3
    coarse = Image.fromarray(generator.random(shape).astype(np.float32))
    size = shape[1] * cell_px, shape[0] * cell_px
    fine = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), float)
    fine = fine[cell_px : cell_px + height, cell_px : cell_px + width]
    return (fine - fine.min()) / (fine.max() - fine.min())


def lit(colors: Array, relief: Array, *, depth: float, gloss: float) -> Array:
    """Light a relief from the upper left.

    Args:
        colors: Colors of the flat surface, (H, W, 3).
        relief: Heights, (H, W).
        depth: Factor of the heights, px.
        gloss: Strength of the highlights.
    """
    down, right = np.gradient(relief * depth)
    normal = np.stack([-right, -down, np.ones_like(relief)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    shade = 1 + 0.85 * (normal @ _TOWARD_LIGHT - _TOWARD_LIGHT[2])
    shine = np.clip(normal @ _HALFWAY, 0, 1) ** _GLOSS - _HALFWAY[2] ** _GLOSS
    white = gloss * np.clip(shine, 0, 1)[..., None] * [1, 0.97, 0.9]
    return colors * np.clip(shade, 0.35, 1.6)[..., None] + white


def picture(colors: Array, scale: int) -> Image.Image:
    """Convert colors, drawn `scale` times too large, to a picture."""
    drawn = Image.fromarray((np.clip(colors, 0, 1) * 255).round().astype(np.uint8))
    size = drawn.width // scale, drawn.height // scale
    return drawn.resize(size, Image.Resampling.LANCZOS)
