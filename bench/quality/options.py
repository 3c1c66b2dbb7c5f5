"""Command-line options of `make bench-quality`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.engine.processes import ROOT
from bench.quality.candidates import Candidate, PaintedFolder, parse_candidate
from bench.quality.pairs import SETS
from bench.quality.scores import SCORED_EDGE_PX
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from bench.quality.pairs import Pair, SetName

DEFAULT = Candidate("default", {})


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one run of the benchmark.

    Attributes:
        set_name: Set of pairs.
        pairs: Pairs to paint and to score.
        candidates: Candidates, in the order of rows and columns.
        peer_dirs: Folders with checkouts of peers, which get the CPU seconds of the
            first candidate.
        edge_px: Long side of Impasto's pictures.
        precision: Precision of Impasto's activations: auto, float32 or bf16.
        threads: Number of threads of torch.
        samples: Folder for files that samples/ lacks, or None.
        work: Folder for packages, inputs, pictures and figures.
        inputs_only: Whether to write only the inputs for other engines.
        publish: Whether to write the table into bench/README.md.
    """

    set_name: SetName
    pairs: tuple[Pair, ...]
    candidates: tuple[Candidate | PaintedFolder, ...]
    peer_dirs: tuple[Path, ...]
    edge_px: int
    precision: str
    threads: int
    samples: Path | None
    work: Path
    inputs_only: bool
    publish: bool


def parse_options(words: list[str] | None = None) -> Options:
    """Parse the command line."""
    parser = _make_parser()
    parsed = parser.parse_args(words)
    candidates = (*parsed.candidate, *parsed.picture_dir) or (DEFAULT,)
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names):
        parser.error(f"two candidates have one name: {', '.join(names)}")
    if parsed.peer_dir and not isinstance(candidates[0], Candidate):
        parser.error("--peer-dir needs a --candidate, whose time the peers get")
    for candidate in parsed.candidate:
        try:
            StyleParams(max_edge=parsed.edge, **candidate.params)
        except ValidationError as error:
            parser.error(f"{candidate.name}: {error}")
    return Options(
        set_name=parsed.set,
        pairs=SETS[parsed.set][: parsed.pairs],
        candidates=candidates,
        peer_dirs=tuple(parsed.peer_dir),
        edge_px=parsed.edge,
        precision=parsed.precision,
        threads=parsed.threads,
        samples=parsed.samples,
        work=parsed.work.resolve(),
        inputs_only=parsed.inputs_only,
        publish=parsed.publish,
    )


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.quality", description=__doc__
    )
    add = parser.add_argument
    add("--set", choices=tuple(SETS), default="tune")
    add(
        "--pairs",
        type=int,
        choices=range(1, max(map(len, SETS.values())) + 1),
        metavar="N",
        help="only the first N pairs of the set",
    )
    add("--edge", type=int, default=SCORED_EDGE_PX, metavar="PX", help="long side")
    add("--precision", choices=("auto", "float32", "bf16"), default="auto")
    add("--threads", type=int, default=os.cpu_count() or 1)
    add(
        "--candidate",
        type=_candidate,
        action="append",
        default=[],
        metavar="NAME:FIELD=JSON,...",
        help="parameters of our engine, such as bold:style_weight=20; may be repeated. "
        "Without any, and without --picture-dir: its defaults",
    )
    add(
        "--picture-dir",
        type=_painted_folder,
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="pictures that somebody else painted, DIR/PAIR.png; may be repeated",
    )
    add(
        "--peer-dir",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a checkout of a peer, or a folder of them; may be repeated. Each paints "
        "for as many CPU seconds as the first candidate took",
    )
    add("--inputs-only", action="store_true", help="write what painters read, and stop")
    add("--samples", type=Path, metavar="DIR", help="for files that samples/ lacks")
    add(
        "--work",
        type=Path,
        default=ROOT / "bench" / ".work" / "quality",
        metavar="DIR",
        help="packages, inputs, pictures, figures",
    )
    add("--publish", action="store_true", help="write the table into bench/README.md")
    return parser


def _candidate(word: str) -> Candidate:
    try:
        return parse_candidate(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _painted_folder(word: str) -> PaintedFolder:
    name, _, folder = word.rpartition("=")
    return PaintedFolder(name or Path(folder).name, Path(folder))
