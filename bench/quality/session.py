"""Run of the benchmark, pair by pair: inputs, painting, scores."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch
from PIL import Image

from bench.quality.candidates import Candidate, Inputs, paint
from bench.quality.peers import prepare_peers
from bench.quality.pictures import Library, resize_to_edge
from bench.quality.report import IDT, TGT, PairResult
from bench.quality.scores import PairScorer, load_heads
from worker.engine.vgg.network import build_network
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.engine.processes import Figures
    from bench.quality.options import Options
    from bench.quality.pairs import Pair
    from bench.quality.peers import ReadyPeer


class Session:
    """Session that paints and scores the chosen pairs.

    Args:
        options: Options of the run.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._library = Library(options.work, options.samples)
        self._peers: list[ReadyPeer] = []

    def write_inputs(self, pair: Pair) -> Inputs:
        """Write the two files that the engines read.

        Raises:
            PictureMissing: A picture of the pair could not be found or downloaded.
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
            ChildFailed: An engine failed.
            NotInstalled: A package of a peer cannot be installed.
            NoPicture: A picture in a folder is missing; checked before painting.
            PictureMissing: A picture of a pair could not be found or downloaded.
            WrongShape: A picture in a folder does not have the photo's shape.
        """
        pairs, candidates = self._options.pairs, self._options.candidates
        for candidate in candidates:
            if not isinstance(candidate, Candidate):
                candidate.require(pairs)
        weights = load_weights("vgg16", default_folder())
        network = build_network("vgg16", weights, torch.device("cpu"))
        heads = load_heads(self._library)
        options = self._options
        self._peers = prepare_peers(options.peer_dirs, weights, options.work)
        for pair in pairs:
            photo, painting = map(self._library.load, (pair.photo, pair.painting))
            scorer = PairScorer(network, heads, photo, painting)
            painted, figures = self._paint_pair(pair)
            scored = {
                IDT: photo,
                TGT: painting.resize(photo.size, Image.Resampling.LANCZOS),
                **painted,
            }
            yield PairResult(
                pair=pair.name,
                scores={name: scorer.score(each) for name, each in scored.items()},
                figures=figures,
                pictures={"photo": photo, "painting": painting, **painted},
            )

    def _paint_pair(
        self, pair: Pair
    ) -> tuple[dict[str, Image.Image], dict[str, Figures]]:
        """Return the pictures by name, and the figures of those painted now."""
        options, inputs = self._options, self.write_inputs(pair)
        pictures: dict[str, Image.Image] = {}
        figures: dict[str, Figures] = {}
        for candidate in options.candidates:
            name = candidate.name
            if isinstance(candidate, Candidate):
                folder = self._make_folder(name)
                figures[name] = paint(
                    candidate, inputs, options.precision, options.threads, folder
                )
                pictures[name] = _keep(folder, pair, name, figures[name])
            else:
                pictures[name] = candidate.load(pair)
        for peer in self._peers:
            limit_s = figures[options.candidates[0].name]["cpu_s"]
            folder = self._make_folder(peer.name)
            found = peer.paint(inputs, limit_s, options.threads, folder)
            figures[peer.name] = found | {"limit_s": limit_s}
            pictures[peer.name] = _keep(folder, pair, peer.name, found)
        return pictures, figures

    def _make_folder(self, name: str) -> Path:
        folder = self._options.work / "painted" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _keep(folder: Path, pair: Pair, name: str, found: Figures) -> Image.Image:
    """Name the picture after the pair, for `--picture-dir`, and load it."""
    path = (folder / "result.png").replace(folder / f"{pair.name}.png")
    _log(f"{pair.name}: {name} took {found['cpu_s']:.0f} s of CPU time")
    with Image.open(path) as opened:
        return opened.convert("RGB")


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
