"""Other engines on the same pairs: each gets the CPU seconds of the first candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.engine.measured_process import Task
from bench.engine.peers.environment import python_with
from bench.engine.peers.registry import PEERS, checkout
from bench.engine.peers.weights import write
from bench.engine.processes import measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from bench.engine.peers.registry import Peer
    from bench.engine.processes import Figures
    from bench.quality.candidates import Inputs


@dataclass(frozen=True, slots=True)
class ReadyPeer:
    """Peer that is installed.

    Attributes:
        peer: Entry of the peer in the list.
        source: Checkout of the peer.
        python: Interpreter with the packages of the peer.
        weights: Folder of the weights in the formats of the peers.
    """

    peer: Peer
    source: Path
    python: Path
    weights: Path

    @property
    def name(self) -> str:
        """Name in rows and columns."""
        return self.peer.name

    def paint(
        self, inputs: Inputs, limit_s: float, threads: int, folder: Path
    ) -> Figures:
        """Paint with its default iterations until the limit; see `Task.limit_s`.

        Raises:
            ChildFailed: The process failed; the message is its last line of output.
        """
        task = Task(
            folder=str(folder),
            photo=str(inputs.photo),
            painting=str(inputs.painting),
            weights=str(self.weights),
            edge=inputs.edge_px,
            iterations=list(self.peer.default),
            source=str(self.source.resolve()),
            limit_s=limit_s,
        )
        return measure(self.peer.module, task, threads, self.python)


def prepare_peers(
    folders: Sequence[Path], weights: Mapping[str, Tensor], work: Path
) -> list[ReadyPeer]:
    """Find the checkouts of peers with a time limit, and install their packages.

    Raises:
        NotInstalled: A package cannot be installed.
    """
    forms = work / "weights"
    found = [(peer, checkout(peer, folders)) for peer in PEERS if peer.default]
    if any(source for _, source in found):
        forms.mkdir(parents=True, exist_ok=True)
        write(weights, forms)
    return [
        ReadyPeer(
            peer, source, python_with(peer.needs, work / "venv" / peer.name), forms
        )
        for peer, source in found
        if source
    ]
