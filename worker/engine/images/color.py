"""Color modes: a result with the colors of the style or of the content.

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

# Y of YIQ (NTSC, Rec. 601). Adding one value to R, G and B does not change I and Q.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
_MIN_STD = 1e-4  # smallest standard deviation of a color, far below a gray level


def apply_color_mode(color: Color, inputs: TransferInputs) -> TransferInputs:
    """Convert content and styles to the images that the objective uses.

    With "luminance" they get one channel, like the optimized image, to which
    `restore_chroma` adds the colors. With "histogram" the styles get the colors of the
    content. Otherwise nothing changes.
    """
    if color in {"style", "chroma"}:
        return inputs
    content, images = inputs.content, [style.image for style in inputs.styles]
    if color == "luminance":
        content, images = (
            to_luminance(content),
            [to_luminance(image) for image in images],
        )
    styles = tuple(
        replace(style, image=match_colors(image, content))
        for style, image in zip(inputs.styles, images, strict=True)
    )
    return replace(inputs, content=content, styles=styles)


def to_luminance(image: Tensor) -> Tensor:
    """Convert an image to its luminance, (1, 3, H, W) to (1, 1, H, W)."""
    red, green, blue = (image[:, channel : channel + 1] for channel in range(3))
    return red * _RED + green * _GREEN + blue * _BLUE


def restore_chroma(luminance: Tensor, content: Tensor) -> Tensor:
    """Combine a luminance, (1, 1, H, W), with the chroma of an image, (1, 3, H, W).

    Colors outside [0, 1] are clamped; the paper does not say what to do with them.
    """
    return (content + (luminance - to_luminance(content))).clamp_(0, 1)


def match_colors(style: Tensor, content: Tensor) -> Tensor:
    """Match mean and covariance of the colors of `style` to those of `content`.

    The map is x -> A x + b with A = Sc^1/2 Ss^-1/2, eq. 4 to 7; with one channel it is
    the matching of section 4. There are two departures: the result is clamped to
    [0, 1], and a direction in which the style does not vary is not amplified. It is
    computed once per run, in float64 on the CPU.

    Args:
        style: Style image, (1, C, h, w).
        content: Content image, (1, C, H, W).
    """
    style_mean, style_cov = _compute_moments(style)
    content_mean, content_cov = _compute_moments(content)
    style_cov = style_cov + _min_covariance(style_cov)
    matrix = _matrix_power(content_cov, 0.5) @ _matrix_power(style_cov, -0.5)  # (C, C)
    colors = style.cpu().double()[0].flatten(1) - style_mean  # (C, N)
    return (matrix @ colors + content_mean).view(style.shape).clamp_(0, 1).to(style)


def _compute_moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean, (C, 1), and covariance, (C, C), of the colors."""
    colors = image.cpu().double()[0].flatten(1)  # (C, N)
    mean = colors.mean(1, keepdim=True)
    return mean, (colors - mean) @ (colors - mean).T / colors.shape[1]


def _min_covariance(covariance: Tensor) -> Tensor:
    return torch.eye(len(covariance), dtype=covariance.dtype) * _MIN_STD**2


def _matrix_power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = vectors * values.clamp(min=0).pow(exponent) @ vectors.T
    return power
