"""Style picture "waves": a woodcut of the sea, in two blues and a red on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from samples.textures import Array, palette, picture, smooth_noise

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALE = 3
_PAPER, _INDIGO, _BLUE, _RED = palette("f1e3c2", "172f5b", "6f9fb8", "c8442c")
_ROWS = 9  # rows of waves, from the horizon to the front


def draw_waves(seed: int, width: int = 768, height: int = 576) -> Image.Image:
    """Draw the woodcut; the same seed and size give the same picture."""
    generator = np.random.default_rng(seed)
    wide, high = width * _SCALE, height * _SCALE
    sheet = Image.new("RGB", (wide, high), _ink(_PAPER))
    draw = ImageDraw.Draw(sheet)
    _sky(draw, generator, wide, high)
    for row in range(_ROWS):
        _wave(draw, generator, row / (_ROWS - 1), wide, high)
    printed = np.asarray(sheet, float) / 255
    wood = smooth_noise(generator, high, wide // 12, 7)
    grain = np.asarray(
        Image.fromarray(wood.astype(np.float32)).resize((wide, high)), float
    )
    worn = (grain + smooth_noise(generator, high, wide, 4))[..., None] - 1
    return picture(printed * (1 + 0.06 * worn) + 0.05 * worn, _SCALE)


def _ink(color: Array) -> tuple[int, int, int]:
    red, green, blue = (int(255 * part) for part in color)
    return red, green, blue


def _sky(
    draw: ImageDraw.ImageDraw, generator: np.random.Generator, wide: int, high: int
) -> None:
    x, y, radius = 0.7 * wide, 0.235 * high, 0.165 * high
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), _ink(_RED))
    across = np.linspace(0, wide, 200)
    for line in range(26):
        level = line / 25
        at = 0.012 * high + 0.4 * high * level
        sway = 0.008 * high * np.sin(across / wide * 9 + line * 0.55 + 2 * level)
        swell = np.clip(
            np.sin(across / wide * 7 + 1.7 * line + generator.random()), 0, 1
        )
        thick = 0.0075 * high * swell * (1.15 - level)
        color = _BLUE if level > 0.45 else _INDIGO  # noqa: PLR2004 - about the middle
        _band(draw, across, at + sway - thick, across, at + sway + thick, color)


def _wave(
    draw: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    near: float,
    wide: int,
    high: int,
) -> None:
    """Draw a row of waves by Gerstner's formula, in which water moves in circles.

    Args:
        draw: Drawing surface of the sheet.
        generator: Random numbers for the differences between waves.
        near: Nearness of the row: 0 at the horizon, 1 in front.
        wide: Width of the sheet, px.
        high: Height of the sheet, px.
    """
    length = wide * (0.10 + 0.30 * near**1.2)
    number = 2 * np.pi / length
    level = high * (0.40 + 0.58 * near)
    start = np.linspace(-0.3 * wide, 1.3 * wide, 1600)
    phase = number * start + generator.uniform(0, 2 * np.pi)
    posts = np.linspace(start[0], start[-1], 14)
    rise = np.interp(start, posts, generator.uniform(0.62, 1.0, 14)) / number

    def curve(depth: Array | float) -> tuple[Array, Array]:
        radius = rise * np.exp(-0.55 * number * np.asarray(depth))
        up = radius * np.cos(phase)
        lean = 0.55 * np.clip(up, 0, None) ** 2 * number
        return start - radius * np.sin(phase) + lean, level - up + depth

    crest_x, crest_y = curve(0.0)
    floor = np.full_like(crest_x, high + 10.0)
    _band(draw, crest_x, crest_y, crest_x, floor, _PAPER)
    gap = high * (0.010 + 0.013 * near)
    for depth, thick, color in _cuts(phase, gap, steps=int(high * 0.34 / gap)):
        _band(draw, *curve(depth), *curve(depth + thick), color)
    _spray(draw, generator, crest_x, crest_y, gap)


def _cuts(phase: Array, gap: float, steps: int) -> Iterator[tuple[float, Array, Array]]:
    """Yield the lines below a crest: depth, px; thickness along the wave, px; color."""
    for step in range(steps):
        fade = step / steps
        shadow = 0.5 - 0.5 * np.sin(phase + 0.5 + 1.2 * fade)  # one flank is dark
        thick = gap * np.clip(0.10 + 0.62 * shadow + 0.35 * fade, 0.0, 0.8)
        if step == 0:
            thick = np.full_like(thick, 0.42 * gap)
        color = _INDIGO if step % 3 != 2 or step < 3 else _BLUE  # noqa: PLR2004 - every third
        yield step * gap, thick, color


def _band(
    draw: ImageDraw.ImageDraw,
    x: Array,
    y: Array,
    other_x: Array,
    other_y: Array,
    color: Array,
) -> None:
    outline = [*zip(x, y, strict=True), *zip(other_x[::-1], other_y[::-1], strict=True)]
    draw.polygon([(float(a), float(b)) for a, b in outline], _ink(color))


def _spray(
    draw: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    x: Array,
    y: Array,
    gap: float,
) -> None:
    """Draw drops in the color of the paper above the crests."""
    tops = np.flatnonzero((y[1:-1] < y[:-2]) & (y[1:-1] <= y[2:])) + 1
    for top in tops:
        for _ in range(7):
            out = gap * generator.gamma(1.6, 1.1)
            turn = generator.uniform(-2.6, -0.1)
            radius = gap * generator.uniform(0.10, 0.30)
            at = x[top] + gap + out * np.cos(turn), y[top] + out * np.sin(turn)
            draw.circle(at, radius + gap * 0.12, _ink(_INDIGO))
            draw.circle(at, radius, _ink(_PAPER))
