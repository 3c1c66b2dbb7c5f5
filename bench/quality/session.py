"""One run of the benchmark, pair by pair: inputs, painting, scores."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import torch
from PIL import Image

from bench.quality.candidates import Candidate, Inputs, paint
from bench.quality.pictures import Library, resize_to_edge
from bench.quality.report import IDT, TGT, PairResult
from bench.quality.scores import PairScorer, load_heads
from worker.engine.vgg.network import build_network
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.quality.options import Options
    from bench.quality.pairs import Pair


class Session:
    """Paints and scores the pairs that were asked for.

    Args:
        options: What was asked for.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._library = Library(options.work, options.samples)

    def write_inputs(self, pair: Pair) -> Inputs:
        """Write the two files that painters read.

        Raises:
            PictureMissing: A picture of the pair could not be had.
        """
        folder = self._options.work / "inputs"
        folder.mkdir(parents=True, exist_ok=True)
        edge_px = self._options.edge_px
        photo, painting = (
            folder / f"{pair.name}-{role}.png"
            for role in (f"photo-{edge_px}", "painting")
        )
        resize_to_edge(self._library.load(pair.photo), edge_px).save(photo)
        self._library.load(pair.painting).save(painting)
        return Inputs(photo, painting, edge_px)

    def run(self) -> Iterator[PairResult]:
        """Paint and score each pair.

        Raises:
            NoPicture: Somebody else's picture is missing; before anything is painted.
            PictureMissing: A picture of a pair could not be had.
            WrongShape: Somebody else's picture does not have the photo's shape.
        """
        pairs, candidates = self._options.pairs, self._options.candidates
        for candidate in candidates:
            if not isinstance(candidate, Candidate):
                candidate.require(pairs)
        weights = load_weights("vgg16", default_folder())
        network = build_network("vgg16", weights, torch.device("cpu"))
        heads = load_heads(self._library)
        for pair in pairs:
            photo, painting = map(self._library.load, (pair.photo, pair.painting))
            scorer = PairScorer(network, heads, photo, painting)
            painted, seconds = self._paint_pair(pair)
            scored = {
                IDT: photo,
                TGT: painting.resize(photo.size, Image.Resampling.LANCZOS),
                **painted,
            }
            yield PairResult(
                pair=pair.name,
                scores={name: scorer.score(each) for name, each in scored.items()},
                seconds=seconds,
                pictures={"photo": photo, "painting": painting, **painted},
            )

    def _paint_pair(
        self, pair: Pair
    ) -> tuple[dict[str, Image.Image], dict[str, float]]:
        """Return the pictures by candidate, and the seconds of those painted now."""
        inputs = self.write_inputs(pair)
        pictures, seconds = {}, {}
        for candidate in self._options.candidates:
            name = candidate.name
            if isinstance(candidate, Candidate):
                began = time.perf_counter()
                pictures[name] = self._paint(candidate, inputs, pair)
                seconds[name] = time.perf_counter() - began
                _log(f"{pair.name}: {name} took {seconds[name]:.0f} s")
            else:
                pictures[name] = candidate.load(pair)
        return pictures, seconds

    def _paint(self, candidate: Candidate, inputs: Inputs, pair: Pair) -> Image.Image:
        """Paint, and keep the file: `--picture-dir` can score it again."""
        folder = self._options.work / "painted" / candidate.name
        folder.mkdir(parents=True, exist_ok=True)
        picture = paint(candidate, inputs, self._options.precision, folder)
        picture.save(folder / f"{pair.name}.png")
        return picture


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
