"""The objective once more, in plain numpy from the formulas, to compare against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MEAN = np.array([0.48235, 0.45882, 0.40784])


def vgg16_activations(
    image: Array, weights: Mapping[str, Array], pooling: str = "max"
) -> dict[str, Array]:
    """Run (3, H, W) in [0, 1] through torchvision's `vgg16().features`."""
    x = (image - MEAN[:, None, None]) * 255
    found, position = {}, 0
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        if block > 1:
            x, position = _pool(x, pooling), position + 1
        for index in range(1, count + 1):
            mode = "edge" if position == 0 else "constant"
            key = f"features.{position}"
            x = _convolve(x, weights[f"{key}.weight"], weights[f"{key}.bias"], mode)
            x = np.maximum(x, 0)
            found[f"relu{block}_{index}"] = x
            position += 2
    return found


def _convolve(x: Array, weight: Array, bias: Array, mode: str) -> Array:
    _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode=mode)  # type: ignore[call-overload]
    result = np.zeros((len(weight), height, width))
    for row in range(height):
        for column in range(width):
            patch = padded[:, row : row + 3, column : column + 3]
            result[:, row, column] = (weight * patch).sum(axis=(1, 2, 3)) + bias
    return result


def _pool(x: Array, pooling: str) -> Array:
    channels, height, width = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    windows = even.reshape(channels, height // 2, 2, width // 2, 2)
    pool = {"max": np.max, "average": np.mean}[pooling]
    return np.asarray(pool(windows, axis=(2, 4)))


def gatys_content(features: Array, target: Array, _noise: Array) -> float:
    """Gatys et al. (2016), eq. 1: 1/2 sum (F - P)^2."""
    return float(0.5 * ((features - target) ** 2).sum())


def gatys_style(features: Array, style: Array) -> float:
    """Gatys et al. (2016), eq. 3 and 4: 1 / (4 C^2 N^2) sum (G - A)^2.

    The paper's pictures have one size; for another one A is brought to N positions.
    """
    channels, positions = features.shape[0], features[0].size
    gram = _sums(features)
    target = _sums(style) * positions / style[0].size
    return float(((gram - target) ** 2).sum() / (4 * channels**2 * positions**2))


def relative_content(features: Array, target: Array, noise: Array) -> float:
    """1/2 |F - P|^2 / |P|^2, with at least 0.05 of the mean square for noise."""
    size = max((target**2).sum(), 0.05 * (noise**2).mean() * target.size)
    return float(0.5 * ((features - target) ** 2).sum() / size)


def relative_style(features: Array, style: Array) -> float:
    """1/2 |G - A|^2 / |A|^2 + (|m - n|^2 + |s - t|^2) / the style's mean square.

    The Gram matrices are means over the positions. 3e-4 of the style's mean variance is
    added to each variance.
    """
    gram = _sums(features) / features[0].size
    target = _sums(style) / style[0].size
    (m, s), (n, t) = _distribution(features), _distribution(style)
    blur = 3e-4 * np.trace(t) / len(t)
    deviations = [np.sqrt(np.diagonal(each) + blur) for each in (s, t)]
    moments = ((m - n) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    grams = ((gram - target) ** 2).sum() / (target**2).sum()
    return float(grams / 2 + moments / _mean_square(style))


def relative_wasserstein(features: Array, style: Array) -> float:
    """Distance of the normal distributions over the style's mean squared length."""
    return _wasserstein(features, style) / _mean_square(style)


def gatys_wasserstein(features: Array, style: Array) -> float:
    """Distance of the normal distributions per channel, as crowsonkb."""
    return _wasserstein(features, style) / len(style)


def _wasserstein(features: Array, style: Array) -> float:
    """|m1 - m2|^2 + tr(S1) + tr(S2) - 2 sum of the roots of S1 S2's eigenvalues.

    Each root is smoothed: sqrt(value + b^2) - b.
    """
    (m1, s1), (m2, s2) = _distribution(features), _distribution(style)
    blur = 3e-4 * _mean_square(style) / len(style)
    values = np.linalg.eigvals(s1 @ s2).real.clip(min=0)
    roots = np.sqrt(values + blur**2) - blur
    return float(((m1 - m2) ** 2).sum() + np.trace(s1 + s2) - 2 * roots.sum())


def _distribution(features: Array) -> tuple[Array, Array]:
    flat = features.reshape(len(features), -1)
    return flat.mean(axis=1), np.cov(flat, bias=True)


def _mean_square(features: Array) -> float:
    return float((features**2).sum() / features[0].size)


def gatys_neighbors(
    image: Mapping[str, Array],
    photo: Mapping[str, Array],
    style: Mapping[str, Array],
    weights: Mapping[str, float],
) -> float:
    """Kolkin et al. (2022): mean of 1 - cos(h, t), t the match of the photo's cell."""
    x, source, candidates = (
        _hypercolumns(each, weights) for each in (image, photo, style)
    )
    total = 0.0
    centers = candidates - candidates.mean(axis=0)
    for column, cell in zip(x, source - source.mean(axis=0), strict=True):
        distances = [1 - _cosine(cell, center) for center in centers]
        target = candidates[int(np.argmin(distances))]
        total += 1 - _cosine(column, target)
    return total / len(x)


def relative_neighbors(*features_and_weights: Mapping[str, Any]) -> float:
    """32 times the cosine distance."""
    return 32 * gatys_neighbors(*features_and_weights)


def _hypercolumns(features: Mapping[str, Array], weights: Mapping[str, float]) -> Array:
    """Cells of 4 x 4 px from relu1_1: (cells, channels of all layers)."""
    _, height, width = features["relu1_1"].shape
    columns = []
    for row in range(height // 4):
        for column in range(width // 4):
            parts = []
            for name, weight in weights.items():
                stride = 2 ** (int(name[4]) - 1)
                side = max(1, 4 // stride)
                layer = features[name]
                top = min(row * 4 // stride, layer.shape[1] - 1)
                left = min(column * 4 // stride, layer.shape[2] - 1)
                part = layer[:, top : top + side, left : left + side]
                parts.append(part.mean(axis=(1, 2)) * weight / len(part))
            columns.append(np.concatenate(parts))
    return np.array(columns)


def _cosine(one: Array, other: Array) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def total_variation(image: Array) -> float:
    """Per value of (3, H, W): sum of sqrt(d^2 + 1/255^2) - 1/255 over neighbors."""
    total = 0.0
    for axis in (1, 2):
        steps = np.diff(image, axis=axis)
        total += (np.sqrt(steps**2 + 255.0**-2) - 1 / 255).sum()
    return float(total / image.size)


def _sums(features: Array) -> Array:
    """Gatys et al. (2016), eq. 3: G_ij = sum_k F_ik F_jk."""
    flat = features.reshape(len(features), -1)
    gram = np.zeros((len(flat), len(flat)))
    for i, left in enumerate(flat):
        for j, right in enumerate(flat):
            gram[i, j] = (left * right).sum()
    return gram
