"""Parameters of Impasto for the race, with which its objective is J.

J = 5 mean (F - P)^2 + 100 sum mean (G - A)^2 with G over C x H x W; the engine has
content_weight / 2 |F - P|^2 + style_weight sum share / (4 C^2) |G - A|^2 with G over
H x W. The only difference is the padding of the picture, which is zero only for J.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.engine.layers import CHANNELS, CONTENT, STYLES, count_poolings
from bench.engine.reference_objective import CONTENT_WEIGHT, STYLE_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.params.schedule import Stage

# Factors of J's content weight, with a race for each. With J's weight the style
# dominates, so a peer whose picture keeps more of the photo needs a race with a larger
# weight. They were chosen on `pairs.TUNING_PAIRS`, which are not reported.
CONTENT_FACTORS = (4.0, 8.0, 16.0)
ITERATIONS = (30, 15, 120)  # at 1/4, 1/2 and all of the long side
QUICK_ITERATIONS = (6, 6)


def make_objective_params(
    height: int,
    width: int,
    channels: Mapping[str, int] = CHANNELS,
    content_factor: float = 1.0,
) -> dict[str, Any]:
    """Return fields of `StyleParams` whose objective is J for a result of this size.

    Args:
        height: Height of the result, px.
        width: Width of the result, px.
        channels: Channels of the layers, which differ from VGG-16's in tests.
        content_factor: Factor of J's content weight.
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
    """Return a schedule up to `edge`, with each scale half as large as the next."""
    scales = reversed(range(len(iterations)))
    return tuple(
        (edge // 2**down, count) for down, count in zip(scales, iterations, strict=True)
    )


def _halved(side: int, layer: str) -> int:
    return int(side // 2 ** count_poolings(layer))
