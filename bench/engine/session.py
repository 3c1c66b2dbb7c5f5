"""Run of the benchmark, pair by pair and part by part.

Each engine runs in a separate process.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from PIL import Image

from bench.engine.measured_process import Task
from bench.engine.ours.configuration import (
    CONTENT_FACTORS,
    ITERATIONS,
    QUICK_ITERATIONS,
)
from bench.engine.ours.race import FACTOR
from bench.engine.pairs import NoPicture, find_photo
from bench.engine.peers.environment import NotInstalled, python_with
from bench.engine.peers.registry import PEERS, checkout
from bench.engine.peers.weights import write
from bench.engine.pictures import prepare_inputs
from bench.engine.processes import ChildFailed, measure
from bench.engine.reference_objective import ReferenceObjective, to_tensor
from bench.engine.results import DeliveredPicture, PairFindings, PeerRun
from worker.devices.device import cpu_has_bfloat16
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from bench.engine.options import Options
    from bench.engine.peers.registry import Peer
    from bench.engine.processes import Figures
    from bench.engine.results import Findings

_OURS = "bench.engine.ours"
_PACE_EDGES, _QUICK_EDGES = (128, 256, 512), (128,)
_PACE, _QUICK_PACE = [6, 4], [2, 2]
_MEMORY = {512: 13, 1024: 13, 2048: 3}  # iterations by long side, px
_FILLING = 13  # iterations that fill the history of L-BFGS
# Parts that run on every pair; all other parts run only on the first.
_ON_EVERY_PAIR = ("race", "neural-style-pt")


def measure_pairs(options: Options, findings: Findings) -> None:
    """Run the chosen parts on each pair; record why other parts did not run."""
    for pair in options.pairs:
        only = _ON_EVERY_PAIR if findings.pairs else None
        try:
            photo = find_photo(pair, options.work / "photos")
        except NoPicture as error:
            findings.absent[pair.name] = str(error)
            continue
        _log(f"{pair.name}:")
        session = Session(options, pair.name, (photo, pair.painting), findings)
        session.run(only)


class Session:
    """Session that runs parts on one pair and stores their results.

    Args:
        options: Options of the run.
        name: Name of the pair.
        pictures: Photo and painting.
        findings: Results, to which those of this pair are added.
    """

    def __init__(
        self,
        options: Options,
        name: str,
        pictures: tuple[Path, Path],
        findings: Findings,
    ) -> None:
        self._options, self._findings = options, findings
        self._name, self._pictures = name, pictures
        self._found = PairFindings(name)
        findings.pairs.append(self._found)
        self._folder = options.work / name.replace(" ", "-")
        self._weights = load_weights("vgg16", default_folder())
        self._folder.mkdir(parents=True, exist_ok=True)
        write(self._weights, options.work)
        self._task = self._prepare_task(options.edge)
        photo, painting = (
            to_tensor(Image.open(path))
            for path in (self._task.photo, self._task.painting)
        )
        self._reference = ReferenceObjective(self._weights, photo, painting)

    def _pace(self) -> None:
        """Measure seconds per iteration of Impasto and of the lower bounds."""
        quick = self._options.quick
        iterations = _QUICK_PACE if quick else _PACE
        for precision, edge in product(
            _precisions(), _QUICK_EDGES if quick else _PACE_EDGES
        ):
            name = f"{edge}, {precision}"
            found = self._measure_ours(
                "pace", f"pace-{name}", edge, iterations, precision=precision
            )
            self._findings.pace[name] = found | {"precision": precision}

    def _race(self) -> None:
        """Run a race for each precision and weight of the content."""
        options = self._options
        iterations = list(QUICK_ITERATIONS if options.quick else ITERATIONS)
        for precision, factor in product(_precisions(), CONTENT_FACTORS):
            name = f"content x {factor:g}, {precision}"
            found = self._measure_ours(
                "race",
                f"race-{name}",
                options.edge,
                iterations,
                precision=precision,
                **{FACTOR: factor},
            )
            self._found.races[name] = [
                self._measure_moment(moment) for moment in found["moments"]
            ]

    def _memory(self) -> None:
        """Measure Impasto's peak memory, at the size of the race and above."""
        for edge, iterations in ({128: 3} if self._options.quick else _MEMORY).items():
            self._measure_memory(f"{edge}", edge, iterations)

    def _checkpoint(self) -> None:
        """Measure the cost of a checkpoint."""
        found = self._measure_ours(
            "checkpoint", "checkpoint", self._options.edge, [_FILLING]
        )
        self._findings.checkpoint = found

    def _large(self, edge: int, iterations: int) -> None:
        """Measure Adam on a picture that is large for the machine."""
        self._measure_memory(f"{edge}, Adam", edge, iterations, optimizer="adam")

    def run(self, only: Collection[str] | None = None) -> None:
        """Run the chosen parts; if a part fails, record the reason.

        Args:
            only: Parts to run; None for all chosen parts.
        """
        parts: dict[str, Callable[[], None]] = {
            "pace": self._pace,
            "race": self._race,
            "memory": self._memory,
            "checkpoint": self._checkpoint,
            "large-2048": partial(self._large, 2048, 10),
            "large-8192": partial(self._large, 8192, 1),
            **{peer.name: partial(self._measure_peer, peer) for peer in PEERS},
        }
        for name, part in parts.items():
            if not self._options.wants(name) or (only and name not in only):
                continue
            _log(f"{name} ...")
            try:
                part()
            except (ChildFailed, NotInstalled) as error:
                self._findings.absent[f"{name}, {self._name}"] = str(error)
                _log(f"{name}: {error}")

    def _measure_peer(self, peer: Peer) -> None:
        options = self._options
        source = checkout(peer, options.peer_dirs)
        if source is None and not peer.package:
            raise NotInstalled("not on PyPI; give a checkout with --peer-dir")
        packages = peer.needs if source else (peer.package,)
        python = python_with(packages, options.work / "venv" / peer.name)
        iterations = peer.quick if options.quick else peer.iterations
        task = replace(
            self._task,
            folder=str(self._folder / peer.name),
            weights=str(options.work),
            iterations=list(iterations),
            source=str(source.resolve() if source else ""),
        )
        found = measure(peer.module, task, options.threads, python)
        # A peer that saves several pictures returns the moment of each.
        moments = found.get("moments") or [
            {
                "picture": str(task.picture),
                "seconds": found["seconds"],
                "iteration": found["evaluations"],
            }
        ]
        for moment in moments:
            told = [moment["iteration"]] if "moments" in found else iterations
            run = PeerRun(
                peer=peer,
                source="checkout" if source else f"`{peer.package}` from PyPI",
                told=peer.told.format(*told),
                delivered=self._measure_moment(moment),
                peak_mib=found["peak_mib"],
            )
            self._found.peers.append(run)

    def _measure_ours(
        self,
        module: str,
        part: str,
        edge: int,
        iterations: list[int],
        *,
        precision: str = "auto",
        **more: object,
    ) -> Figures:
        task = replace(
            self._prepare_task(edge),
            folder=str(self._folder / part.replace(", ", "-").replace(" ", "-")),
            iterations=iterations,
            settings=self._options.settings | more,
            precision=precision,
        )
        return measure(f"{_OURS}.{module}", task, self._options.threads)

    def _measure_memory(
        self, name: str, edge: int, iterations: int, **more: str
    ) -> None:
        found = self._measure_ours(
            "memory", f"memory-{name}", edge, [iterations], **more
        )
        told = {"iterations": iterations, "precision": _precisions()[0]}
        self._findings.memory[name] = found | told

    def _prepare_task(self, edge: int) -> Task:
        photo, painting = prepare_inputs(*self._pictures, edge, self._folder)
        return Task(
            folder="",
            photo=str(photo),
            painting=str(painting),
            weights=str(default_folder()),
            edge=edge,
            iterations=[],
        )

    def _measure_moment(self, moment: Figures) -> DeliveredPicture:
        """Measure the picture of one moment."""
        picture = moment["picture"]
        verdict = self._reference.measure(to_tensor(Image.open(picture)))
        return DeliveredPicture(
            moment["seconds"], verdict, picture, moment["iteration"]
        )


def _precisions() -> tuple[str, ...]:
    """Return the useful precisions on this CPU, the default first."""
    return ("bf16", "float32") if cpu_has_bfloat16() else ("float32",)


def _log(words: str) -> None:
    sys.stderr.write(words + "\n")
