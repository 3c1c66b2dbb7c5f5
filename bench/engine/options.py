"""Command-line options of `make bench-engine`."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine.pairs import REPORTED_PAIRS, TUNING_PAIRS, Pair
from bench.engine.peers.registry import PEERS
from bench.engine.processes import ROOT

PARTS = ("race", "pace", "memory", "checkpoint", *(peer.name for peer in PEERS))
LARGE = ("large-2048", "large-8192")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one run of the benchmark.

    Attributes:
        pairs: Photos and paintings; parts without a race use the first pair.
        edge: Long side of the race's result, px.
        quick: Whether to run small and short, only to test the benchmark.
        only: Parts to run; empty for all except the large ones.
        peer_dirs: Folders with checkouts of peers.
        threads: Number of threads of every engine.
        work: Folder for environments, weights and pictures.
        publish: Whether to write the table into bench/README.md.
        settings: Fields of `StyleParams` by name, for Impasto.
    """

    pairs: tuple[Pair, ...]
    edge: int
    quick: bool
    only: tuple[str, ...]
    peer_dirs: tuple[Path, ...]
    threads: int
    work: Path
    publish: bool
    settings: dict[str, Any]

    def wants(self, part: str) -> bool:
        """Whether to run a part."""
        return part in self.only if self.only else part not in LARGE


def parse(words: list[str] | None = None) -> Options:
    """Parse the command line."""
    given = _parser().parse_args(words)
    return Options(
        pairs=TUNING_PAIRS if given.tuning else tuple(given.pair) or REPORTED_PAIRS,
        edge=128 if given.quick else 512,
        quick=given.quick,
        only=tuple(given.only),
        peer_dirs=tuple(given.peer_dir),
        threads=given.threads,
        work=given.work.resolve(),
        publish=given.publish,
        settings=dict(_setting(word) for word in given.settings),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    add = parser.add_argument
    add(
        "--pair",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME|PHOTO:PAINTING",
        help="one of the reported pairs by its name, or two files; may be repeated",
    )
    add("--tuning", action="store_true", help="the pairs our numbers are chosen on")
    add("--quick", action="store_true", help="128 px, few iterations: does it work?")
    add(
        "--only",
        action="append",
        default=[],
        choices=(*PARTS, *LARGE),
        metavar="PART",
        help=f"one of {', '.join((*PARTS, *LARGE))}; may be repeated",
    )
    add(
        "--peer-dir",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a checkout of a peer, or a folder of them; may be repeated",
    )
    add("--threads", type=int, default=os.cpu_count() or 1)
    add(
        "--work",
        type=Path,
        default=ROOT / "bench" / ".work",
        metavar="DIR",
        help="environments, weights, pictures",
    )
    add("--publish", action="store_true", help="write the table into bench/README.md")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=JSON",
        dest="settings",
        help="a parameter of our engine, such as tile_px=512; may be repeated",
    )
    return parser


def _pair(word: str) -> Pair:
    """Return the pair of this name, or a pair of two files."""
    by_name = {pair.name: pair for pair in (*REPORTED_PAIRS, *TUNING_PAIRS)}
    if word in by_name:
        return by_name[word]
    photo, separator, painting = word.partition(":")
    if not separator:
        names = ", ".join(by_name)
        raise argparse.ArgumentTypeError(f"{word!r} is none of {names}, nor two files")
    name = f"{Path(photo).stem}-{Path(painting).stem}"
    return Pair(name, Path(photo), Path(painting))


def _setting(word: str) -> tuple[str, Any]:
    name, _, value = word.partition("=")
    return name, json.loads(value)
