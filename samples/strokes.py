"""Style picture "strokes": a night sky over a field of wheat, in thick oil paint.

Each stroke follows a flow and is a bundle of bristles. Each bristle leaves a color and
a height, and lighting of the heights makes the paint look thick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from samples.textures import Array, blend, lit, palette, picture, smooth_noise

_SCALE = 2
_LAYERS = ((46, 250, 30), (30, 210, 19), (22, 150, 15))  # width, length, spacing, px
_BRISTLE_PX = 2.7

_GROUND = palette("101c3a")[0]
_NIGHT = palette("0f1f4d", "16306f", "1f4a96", "2f6cb5", "4f93c9", "8cc0d6", "cfe3d4")
_GLOW = palette("fff6c8", "ffe27a", "fbc235", "f09a1f", "c9c06a", "6fae9f")
_FIELD = palette("2b3a1c", "4f6420", "8a8a22", "c9971f", "eab42f", "f6d566", "b5541c")
_STRAW, _SAGE = palette("e9c46a", "7fb0a0")

# Swirls of the sky: x, y and radius in widths of the picture; strength and direction of
# the rotation; radius of the light in the middle, 0 for none.
_SWIRLS = np.array(
    [
        (0.30, 0.30, 0.13, 1.0, 0.055),
        (0.70, 0.22, 0.09, -0.9, 0.085),
        (0.52, 0.52, 0.07, -0.7, 0.0),
        (0.90, 0.48, 0.08, 0.8, 0.045),
        (0.08, 0.55, 0.07, 0.7, 0.040),
        (0.06, 0.10, 0.06, -0.5, 0.050),
    ]
)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Canvas: colors and heights, (H, W) px, and a generator of random numbers."""

    color: ImageDraw.ImageDraw
    relief: ImageDraw.ImageDraw
    tone: Array
    generator: np.random.Generator

    @property
    def wide(self) -> int:
        """Width, px, which is the unit of all positions."""
        return int(self.tone.shape[1])


def draw_strokes(seed: int, width: int = 768, height: int = 576) -> Image.Image:
    """Draw the strokes; the same seed and size give the same picture."""
    generator = np.random.default_rng(seed)
    wide, high = width * _SCALE, height * _SCALE
    ground = tuple(int(255 * part) for part in _GROUND)
    color = Image.new("RGB", (wide, high), ground)
    relief = Image.new("F", (wide, high), 0.0)
    clouds = smooth_noise(generator, high, wide, wide // 7)
    tone = 0.65 * clouds + 0.35 * smooth_noise(generator, high, wide, wide // 17)
    tone = (tone - tone.min()) / (tone.max() - tone.min())
    canvas = _Canvas(ImageDraw.Draw(color), ImageDraw.Draw(relief), tone, generator)
    for bristles_px, length_px, spacing_px in _LAYERS:
        for x, y in _places(generator, wide, high, spacing_px):
            size = generator.uniform(0.75, 1.25), generator.uniform(0.6, 1.25)
            _stroke(canvas, x, y, bristles_px * size[0], length_px * size[1])
    surface = lit(np.asarray(color) / 255, _soft(relief), depth=2.2, gloss=0.42)
    return picture(surface, _SCALE)


def _places(
    generator: np.random.Generator, wide: int, high: int, spacing_px: int
) -> Array:
    """Return the starts of strokes, (n, 2) in widths: a jittered and shuffled grid."""
    across = np.arange(-20, wide + 20, 1.6 * spacing_px)
    down = np.arange(-20, high + 20, spacing_px)
    grid = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2)
    shaken = grid + generator.uniform(-0.6, 0.6, grid.shape) * spacing_px
    return generator.permutation(shaken) / wide


def _horizon(x: float) -> float:
    return 0.575 + 0.03 * np.sin(5.5 * x + 0.6) + 0.018 * np.sin(13 * x)


def _flow(x: float, y: float) -> Array:
    """Return the direction of the brush at a position, a unit vector."""
    away = np.array([x, y]) - _SWIRLS[:, :2]
    distance = np.hypot(*away.T) / _SWIRLS[:, 2]
    calm = 1 - np.exp(-(distance**2)).max()
    turn = 0.29 * _SWIRLS[:, 3] / _SWIRLS[:, 2] ** 2 * np.exp(-(distance**2) / 4.5)
    sky = np.array([0.55, 0.28 * np.sin(6 * x + 2 * y)]) * calm
    sky += turn @ np.stack([-away[:, 1], away[:, 0]], 1)
    below = y - _horizon(x)
    furrows = np.array([1, 1.8 * below - 0.35 + 0.5 * np.sin(9 * x + 3)])
    ground = 1 / (1 + np.exp(np.clip(-90 * below, -50, 50)))
    mixed: Array = sky * (1 - ground) + furrows * ground
    return mixed / (np.hypot(*mixed) + 1e-9)


def _path(x: float, y: float, length: float, count: int) -> Array:
    """Return the path along the flow in both directions from a position, (n, 2)."""
    halves = []
    for sense in (-1, 1):
        place, half = np.array([x, y]), []
        for _ in range(count // 2):
            place = place + sense * _flow(*place) * length / count
            half.append(place)
        halves.append(half)
    return np.array([*halves[0][::-1], (x, y), *halves[1]])


def _color(canvas: _Canvas, x: float, y: float) -> Array:
    high, wide = canvas.tone.shape
    row, column = (
        int(np.clip(y * wide, 0, high - 1)),
        int(np.clip(x * wide, 0, wide - 1)),
    )
    tone, chance = canvas.tone[row, column], canvas.generator
    if y > _horizon(x):
        if chance.random() < 0.05:  # noqa: PLR2004 - a few strokes of another color
            return _SAGE
        at = 0.12 + 0.8 * tone + 0.25 * (y - 0.6) + chance.normal(0, 0.13)
        return blend(_FIELD, np.array(at))
    lights = _SWIRLS[_SWIRLS[:, 4] > 0]
    near = (np.hypot(x - lights[:, 0], y - lights[:, 1]) / lights[:, 4]).min()
    if chance.random() < 1.45 - 0.68 * near:
        return blend(_GLOW, np.array(near / 1.75 + chance.normal(0, 0.07)))
    if chance.random() < 0.035:  # noqa: PLR2004 - as above
        return _STRAW
    return blend(_NIGHT, np.array(1.25 * tone - 0.12 + chance.normal(0, 0.1)))


def _stroke(
    canvas: _Canvas, x: float, y: float, width_px: float, length_px: float
) -> None:
    chance = canvas.generator
    path = (
        _path(x, y, length_px / canvas.wide, max(5, int(length_px / 10))) * canvas.wide
    )
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    aside = np.stack([-along[:, 1], along[:, 0]], 1)
    part = np.linspace(0, 1, len(path))
    taper = np.sqrt(np.minimum(1, np.minimum(part * 5, (1 - part) * 3.2)))[:, None]
    first, second = (
        _color(canvas, x + shift, y + shift) for shift in (0, chance.normal(0, 0.02))
    )
    count = max(5, int(width_px / _BRISTLE_PX))
    load = np.convolve(chance.normal(0, 1, count + 2), (0.25, 0.5, 0.25), "valid")
    lift = 0.5 * chance.random()
    for bristle in chance.permutation(count):
        aslant = (bristle + 0.5) / count * 2 - 1  # from -1 to 1 across the stroke
        paint = load[bristle]
        share = np.clip(0.22 + 0.25 * paint, 0, 0.8)
        color = (first * (1 - share) + second * share) * (1 + 0.055 * paint)
        color = np.clip(color + 0.03 * paint, 0, 1) * 255
        begin = chance.integers(0, 2 + len(path) // 8)
        end = len(path) - chance.integers(0, 2 + len(path) // 5)
        line = (
            (path + aside * aslant * width_px / 2 * taper)[begin:end].ravel().tolist()
        )
        if len(line) >= 4:  # noqa: PLR2004 - two points
            thick = int(np.ceil(width_px / count)) + 1
            # Paint is thicker at the edges of a stroke.
            ridge = 0.55 + lift + 0.55 * abs(aslant) ** 3 + 0.22 * paint
            canvas.color.line(line, tuple(color.astype(int)), thick, "curve")
            canvas.relief.line(line, float(ridge), thick)


def _soft(relief: Image.Image) -> Array:
    heights = np.asarray(relief, float)
    for axis in (0, 1):
        heights = sum(np.roll(heights, shift, axis) for shift in (-1, 0, 1)) / 3
    return heights
