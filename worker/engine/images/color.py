"""Whose colors the result has.

Gatys, Bethge, Hertzmann & Shechtman (2016), "Preserving color in neural artistic style
transfer": section 4 (luminance only) and 3 (color matching, image-analogies form).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from shared.params.style import Color
    from worker.engine.images.inputs import TransferInputs

# Y of YIQ (NTSC, Rec. 601). I and Q stay where the same is added to R, G and B.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
_ONE_COLOR = 1e-4  # a standard deviation far below a gray level is none


def apply_color_mode(color: Color, sources: TransferInputs) -> TransferInputs:
    """Turn content and style pictures into those that are really optimized for.

    With "luminance" they have one channel, and so has the picture that is optimized;
    `recolored` makes of it the one to look at. With "chroma" nothing is reduced.
    """
    if color in {"style", "chroma"}:
        return sources
    content, images = sources.content, [style.image for style in sources.styles]
    if color == "luminance":
        content, images = (
            to_luminance(content),
            [to_luminance(image) for image in images],
        )
    styles = tuple(
        replace(style, image=match_colors(image, content))
        for style, image in zip(sources.styles, images, strict=True)
    )
    return replace(sources, content=content, styles=styles)


def to_luminance(image: Tensor) -> Tensor:
    """Brightness of a picture, (1, 3, H, W) to (1, 1, H, W)."""
    red, green, blue = (image[:, channel : channel + 1] for channel in range(3))
    return red * _RED + green * _GREEN + blue * _BLUE


def restore_chroma(gray: Tensor, content: Tensor) -> Tensor:
    """Give a brightness, (1, 1, H, W), the chroma of a picture, (1, 3, H, W).

    Colors that do not exist are clamped, which the paper leaves open.
    """
    return (content + (gray - to_luminance(content))).clamp_(0, 1)


def match_colors(style: Tensor, content: Tensor) -> Tensor:
    """Shift and stretch the colors of `style` to mean and covariance of `content`'s.

    x -> A x + b with A = Sc^1/2 Ss^-1/2, eq. 4 to 7; of one channel it is the
    matching of section 4. Departures: clamped to [0, 1], and a direction in which the
    style does not vary is not blown up. In float64 on the CPU, once per run.

    Args:
        style: (1, C, h, w).
        content: (1, C, H, W).
    """
    mean, spread = _moments(style)
    other_mean, other_spread = _moments(content)
    turn = _power(other_spread, 0.5) @ _power(spread + _floor(spread), -0.5)  # (C, C)
    colors = style.cpu().double()[0].flatten(1) - mean  # (C, N)
    return (turn @ colors + other_mean).view(style.shape).clamp_(0, 1).to(style)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, (C, 1), and covariance, (C, C), of the colors."""
    colors = image.cpu().double()[0].flatten(1)  # (C, N)
    mean = colors.mean(1, keepdim=True)
    return mean, (colors - mean) @ (colors - mean).T / colors.shape[1]


def _floor(spread: Tensor) -> Tensor:
    return torch.eye(len(spread), dtype=spread.dtype) * _ONE_COLOR**2


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = vectors * values.clamp(min=0).pow(exponent) @ vectors.T
    return power
