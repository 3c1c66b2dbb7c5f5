"""Scores of painted pictures, all measured at one size."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from statistics import mean
from typing import TYPE_CHECKING

import torch
from PIL import Image

from bench.quality.metrics import (
    compute_cfsd,
    compute_coverage,
    compute_edge_similarity,
    compute_lpips,
    compute_palette_distance,
    compute_style_distance,
)
from bench.quality.pictures import resize_to_edge
from worker.engine.images.tensors import to_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from bench.quality.pictures import Library
    from worker.engine.vgg.network import Network

SCORED_EDGE_PX = 256
HELD_OUT_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_3", "relu5_2")
COVERAGE_LAYERS = ("relu3_1", "relu4_1")
CFSD_LAYER = "relu3_1"
LPIPS_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
_LAYERS = {*HELD_OUT_LAYERS, *COVERAGE_LAYERS, CFSD_LAYER, *LPIPS_LAYERS}

_HEADS = ("lpips", "lpips/weights/v0.1/vgg.pth")
_SHAPE_TOLERANCE = 0.03  # relative tolerance of the ratio of the sides


class WrongShape(Exception):
    """A picture does not have the shape of its photo."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one picture; lower is better, except for `edges`.

    Attributes:
        style: Style distance, mean over `HELD_OUT_LAYERS`.
        deep_style: Style distance at the deepest of these layers.
        coverage: Part of the painting that is not used, mean over `COVERAGE_LAYERS`.
        palette: Distance of the colors from the painting's.
        cfsd: Distance of the content from the photo's, by self-similarity.
        lpips: Perceptual distance from the photo.
        edges: Similarity of the edges to the photo's, at most 1.
    """

    style: float
    deep_style: float
    coverage: float
    palette: float
    cfsd: float
    lpips: float
    edges: float


METRICS = tuple(field.name for field in fields(Scores))


class PairScorer:
    """Scorer of pictures of one pair.

    Args:
        network: VGG-16 in float32.
        heads: Heads of LPIPS, see `load_heads`.
        photo: Photo of the pair.
        painting: Painting of the pair.
    """

    def __init__(
        self,
        network: Network,
        heads: Sequence[Tensor],
        photo: Image.Image,
        painting: Image.Image,
    ) -> None:
        self._network, self._heads = network, heads
        small_photo = resize_to_edge(photo, SCORED_EDGE_PX)
        self._size = small_photo.size
        self._photo = _to_tensor(small_photo)
        self._painting = _to_tensor(resize_to_edge(painting, SCORED_EDGE_PX))
        self._photo_features = self._compute(self._photo)
        self._painting_features = self._compute(self._painting)

    def score(self, picture: Image.Image) -> Scores:
        """Score a picture of any size and of the photo's shape.

        Raises:
            WrongShape: The sides have another ratio than the photo's.
        """
        width, height = self._size
        ratio = picture.width / picture.height * height / width
        if abs(ratio - 1) > _SHAPE_TOLERANCE:
            raise WrongShape(
                f"{picture.width} x {picture.height} px is not of the photo's shape, "
                f"as {width} x {height} px is"
            )
        image = _to_tensor(picture.resize(self._size, Image.Resampling.LANCZOS))
        features = self._compute(image)
        photo, painting = self._photo_features, self._painting_features
        styles = [
            compute_style_distance(features[name], painting[name])
            for name in HELD_OUT_LAYERS
        ]
        coverages = [
            compute_coverage(features[name], painting[name]) for name in COVERAGE_LAYERS
        ]
        perceived, perceived_photo = (
            [each[name] for name in LPIPS_LAYERS] for each in (features, photo)
        )
        return Scores(
            style=mean(styles),
            deep_style=styles[-1],
            coverage=mean(coverages),
            palette=compute_palette_distance(image, self._painting),
            cfsd=compute_cfsd(features[CFSD_LAYER], photo[CFSD_LAYER]),
            lpips=compute_lpips(perceived, perceived_photo, self._heads),
            edges=compute_edge_similarity(image, self._photo),
        )

    def _compute(self, image: Tensor) -> dict[str, Tensor]:
        return self._network.compute_activations(image, _LAYERS)


def load_heads(library: Library) -> tuple[Tensor, ...]:
    """Read the heads of LPIPS, version 0.1 for VGG, from the package `lpips`.

    Raises:
        PictureMissing: The package cannot be downloaded.
    """
    content = library.read_member(*_HEADS)
    tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return tuple(tensors[f"lin{at}.model.1.weight"] for at in range(len(LPIPS_LAYERS)))


def _to_tensor(picture: Image.Image) -> Tensor:
    return to_tensor(picture.convert("RGB"), torch.device("cpu"))
