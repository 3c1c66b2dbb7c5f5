"""Distances between a painted picture, its photo and its painting.

Each is a function of activations or colors, and no engine minimizes it. An engine may
minimize a similar function: bench/README.md says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

DIRECTIONS = 128
_SEED = 20_260_000

# Factor by which activations are smaller in networks that take normalized colors: 255
# times the mean of torchvision's standard deviations.
_TORCHVISION_UNIT = 57.6
_CFSD_ROWS = 128 * 128  # rows in the sum of its authors, for a picture of 512 px
_SMALLEST_NORM = 1e-10

_SSIM_SIDE, _SSIM_SIGMA = 11, 1.5
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2

# Ottosson (2020), "A perceptual color space for image processing".
_RGB_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LMS_TO_OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def compute_style_distance(features: Tensor, painting: Tensor) -> float:
    """Sliced Wasserstein distance of one layer, over the spread of the painting's.

        sqrt(mean_v W2(F v, S v)^2 / mean_v Var(S v))

    over the fixed unit directions v. It compares whole distributions of activations,
    unlike Gram matrices and covariances, and does not depend on positions. A value of 1
    is about the distance of the painting's activations from their mean.
    Rabin et al. (2011); of activations as in Heitz et al. (2021), who draw directions
    anew at each step and do not divide.

    Args:
        features: Activations of the picture, (1, C, H, W).
        painting: Activations of the painting, (1, C, h, w).
    """
    picture_rows, painting_rows = _to_rows(features), _to_rows(painting)
    directions = make_directions(features.shape[1]).to(features)
    spread = (painting_rows @ directions).var(0, correction=0).mean()
    squared = _slice_distance(picture_rows, painting_rows, directions)
    return float((squared / spread.clamp(min=_SMALLEST_NORM)).sqrt())


def compute_coverage(features: Tensor, painting: Tensor) -> float:
    """Compute how much of the painting the picture does not use, by one layer.

        mean_q min_p (1 - cos(S_q - m, F_p - m)),  m = mean_q S_q

    over positions q of the painting and p of the picture: the second direction of
    STROTSS' relaxed earth mover's distance (Kolkin et al., 2019). Departure: both sets
    are centered, and both by the painting's mean. Rectified activations share most of
    their direction, so that without centering all cosines are near 1; one center for
    every picture makes a shift of all activations count.

    Args:
        features: Activations of the picture, (1, C, H, W).
        painting: Activations of the painting, (1, C, h, w).

    Returns:
        A value in [0, 2]; 0: every position of the painting is found.
    """
    picture_rows, painting_rows = _to_rows(features), _to_rows(painting)
    center = painting_rows.mean(0)
    picture_units = F.normalize(picture_rows - center, dim=1)  # (N, C)
    painting_units = F.normalize(painting_rows - center, dim=1)  # (M, C)
    nearest = (painting_units @ picture_units.T).amax(1)
    return float((1 - nearest).clamp(min=0).mean())


def compute_palette_distance(image: Tensor, painting: Tensor) -> float:
    """Sliced Wasserstein distance of the colors in OKLab, in units of its lightness.

        sqrt(mean_v W2(X v, S v)^2)

    over the fixed unit directions v of the color space and all pixels. White against
    black, whose lightness differs by 1, has about sqrt(1 / 3).

    Args:
        image: Picture, (1, 3, H, W), RGB in [0, 1].
        painting: Painting, (1, 3, h, w).
    """
    directions = make_directions(3).to(image)
    colors, painting_colors = (_to_rows(to_oklab(each)) for each in (image, painting))
    return float(_slice_distance(colors, painting_colors, directions).sqrt())


def compute_cfsd(features: Tensor, photo: Tensor) -> float:
    """Compute the content feature structural distance: which positions are similar.

        128^2 mean_i KL(P_i | X_i),  P_i = softmax_j(F_i . F_j / C^2)

    with P of the photo and X of the picture, at relu3_1. Chung et al. (2024),
    "Style Injection in Diffusion": their code divides the activations by C, so the
    products by C^2, and sums over the rows of pictures of 512 px, which are 128^2. The
    mean times as much hardly depends on the size. The softmax depends on the unit of
    activations, which is brought to that of normalized colors. Departure: VGG-16
    instead of VGG-19, so that published figures do not compare.

    Args:
        features: Activations of the picture, (1, C, H, W).
        photo: Activations of the photo, of the same shape.
    """
    log_x, log_p = _similarities(features), _similarities(photo)
    divergence = (log_p.exp() * (log_p - log_x)).sum(1).mean()
    return float(_CFSD_ROWS * divergence)


def compute_lpips(
    features: Iterable[Tensor], photo: Iterable[Tensor], heads: Iterable[Tensor]
) -> float:
    """Compute the perceptual distance LPIPS, with learned weights of channels.

        sum_l mean_p w_l . (f_p / |f_p| - g_p / |g_p|)^2

    Zhang et al. (2018), eq. 1, with w on the squares as in their code. The heads w are
    those of version 0.1, learned on other weights of VGG-16 than the original ones that
    are used in this benchmark, so the figures differ from published ones.

    Args:
        features: Activations of the picture by layer, (1, C, H, W) each.
        photo: Activations of the photo, likewise.
        heads: Weights of the channels by layer, (1, C, 1, 1) each.
    """
    distances = (
        (head * (_to_unit_channels(one) - _to_unit_channels(other)) ** 2).sum(1).mean()
        for one, other, head in zip(features, photo, heads, strict=True)
    )
    return float(sum(distances))


def compute_edge_similarity(image: Tensor, photo: Tensor) -> float:
    """Compute the structural similarity (SSIM) of edges; 1 for equal pictures.

    Wang et al. (2004), eq. 13: windows of 11 x 11 with a Gaussian of 1.5 px, K1 0.01,
    K2 0.03, a range of 1, on the Sobel magnitude of OKLab's lightness, scaled so
    that the step from black to white has 1. Windows across the border are left out.

    Args:
        image: Picture, (1, 3, H, W), RGB in [0, 1], both sides at least 13 px.
        photo: Photo, of the same shape.
    """
    x, y = (_edges(to_oklab(each)[:, :1]) for each in (image, photo))
    window = _gaussian_window().to(x)
    moments = torch.cat([x, y, x * x, y * y, x * y])  # (5, 1, H, W)
    mean_x, mean_y, xx, yy, xy = F.conv2d(moments, window)
    covariance = xy - mean_x * mean_y
    variances = xx - mean_x**2 + yy - mean_y**2
    luminance = (2 * mean_x * mean_y + _SSIM_C1) / (mean_x**2 + mean_y**2 + _SSIM_C1)
    structure = (2 * covariance + _SSIM_C2) / (variances + _SSIM_C2)
    return float((luminance * structure).mean())


def to_oklab(image: Tensor) -> Tensor:
    """Convert sRGB, (1, 3, H, W) in [0, 1], to OKLab.

    Ottosson (2020): lightness, green to red, blue to yellow. sRGB is made linear first
    (IEC 61966-2-1).
    """
    low, high = image / 12.92, ((image.clamp(min=0) + 0.055) / 1.055) ** 2.4
    linear = torch.where(image > 0.04045, high, low)  # noqa: PLR2004 - of the standard
    to_lms, to_lab = (linear.new_tensor(rows) for rows in (_RGB_TO_LMS, _LMS_TO_OKLAB))
    cone_responses = torch.einsum("ij,bjhw->bihw", to_lms, linear).clamp(min=0)
    return torch.einsum("ij,bjhw->bihw", to_lab, cone_responses ** (1 / 3))


def make_directions(channels: int) -> Tensor:
    """Return random unit vectors, (channels, `DIRECTIONS`), the same at each call."""
    generator = np.random.default_rng(_SEED + channels)
    directions = generator.standard_normal((channels, DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    return torch.from_numpy(directions)


def _slice_distance(points: Tensor, reference: Tensor, directions: Tensor) -> Tensor:
    """Compute the mean squared W2 over directions, of (N, C) and (M, C), by sorting.

    The quantiles of the reference are interpolated where its number of points differs.
    """
    sorted_points, quantiles = (
        (rows @ directions).T.sort(1).values  # (K, N), (K, M)
        for rows in (points, reference)
    )
    count = sorted_points.shape[1]
    if quantiles.shape[1] != count:
        quantiles = F.interpolate(quantiles[None], size=count, mode="linear")[0]
    return (sorted_points - quantiles).square().mean()


def _to_rows(planes: Tensor) -> Tensor:
    """Reshape (1, C, H, W) to one row per position, (H * W, C)."""
    return planes[0].flatten(1).T


def _similarities(features: Tensor) -> Tensor:
    """Return the log-softmax of rows, (N, N), in float64, as rows are almost flat."""
    rows = _to_rows(features).double() / (_TORCHVISION_UNIT * features.shape[1])
    return F.log_softmax(rows @ rows.T, dim=1)


def _to_unit_channels(features: Tensor) -> Tensor:
    return F.normalize(features, dim=1, eps=_SMALLEST_NORM)


def _edges(gray: Tensor) -> Tensor:
    """Return the Sobel magnitude of (1, 1, H, W), without the outermost pixels."""
    sobel = gray.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    slopes = F.conv2d(gray, torch.stack([sobel, sobel.T])[:, None])
    return (slopes**2).sum(1, keepdim=True).sqrt()


def _gaussian_window() -> Tensor:
    places = torch.arange(_SSIM_SIDE) - _SSIM_SIDE // 2
    weights = torch.exp(-(places**2) / (2 * _SSIM_SIGMA**2))
    weights /= weights.sum()
    return torch.outer(weights, weights)[None, None]
