"""Our parameters for the race: those that make our objective J, the yardstick.

J = 5 mean (F - P)^2 + 100 sum mean (G - A)^2 with G over C x H x W; the engine has
content_weight / 2 |F - P|^2 + style_weight sum share / (4 C^2) |G - A|^2 with G over
H x W. What is left is the padding of the picture: J's is zero, the engine's is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.engine.layers import CHANNELS, CONTENT, STYLES, count_poolings
from bench.engine.reference_objective import CONTENT_WEIGHT, STYLE_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.params.schedule import Stage

# A race for each weight of the content, times that of J: J lets the style win, and a
# peer whose picture kept more of the photo is only reached by one that does, too.
# Chosen on `pairs.TUNING_PAIRS`, of which none is reported.
CONTENT_FACTORS = (4.0, 8.0, 16.0)
ITERATIONS = (30, 15, 120)  # at a quarter of the long side, at half, at the full one
QUICK_ITERATIONS = (6, 6)


def make_objective_params(
    height: int,
    width: int,
    channels: Mapping[str, int] = CHANNELS,
    content_factor: float = 1.0,
) -> dict[str, Any]:
    """Fields of `StyleParams` whose objective is J for a result of this size, px.

    Args:
        height: Of the result.
        width: Of the result.
        channels: Widths of the layers, other than VGG-16's in tests.
        content_factor: 1 is J; above it the content counts for more.
    """
    values = channels[CONTENT] * _halved(height, CONTENT) * _halved(width, CONTENT)
    by_layer = {name: 4 * STYLE_WEIGHT / channels[name] ** 2 for name in STYLES}
    return {
        "loss_scale": "gatys",
        "content_layers": {CONTENT: 1.0},
        "content_weight": 2 * CONTENT_WEIGHT * content_factor / values,
        "style_layers": by_layer,
        "style_weight": sum(by_layer.values()),
        "tv_weight": 0.0,
    }


def make_schedule(edge: int, iterations: Sequence[int]) -> tuple[Stage, ...]:
    """One scale per number of iterations, the last at `edge`, each half the next."""
    scales = reversed(range(len(iterations)))
    return tuple(
        (edge // 2**down, count) for down, count in zip(scales, iterations, strict=True)
    )


def _halved(side: int, layer: str) -> int:
    return int(side // 2 ** count_poolings(layer))
