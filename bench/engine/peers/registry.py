"""List of the peers, with the iterations of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peer:
    """Another engine.

    Attributes:
        name: Name of the engine in the tables.
        module: Driver module, which runs in a child process.
        package: Package on PyPI; empty if it needs a checkout.
        needs: Further packages that a checkout needs.
        mark: File that identifies a checkout.
        iterations: Iterations for the module.
        quick: Iterations with the option `quick`.
        told: Text that says what `iterations` are.
        goal: Factor by which Impasto should reach its J faster; 0 for no goal.
        default: Iterations of the peer's defaults, for the module; empty if it has no
            time limit, so that it is not in bench-quality.
    """

    name: str
    module: str
    package: str
    needs: tuple[str, ...]
    mark: str
    iterations: tuple[int, ...]
    quick: tuple[int, ...]
    told: str
    goal: float
    default: tuple[int, ...] = ()


PEERS = (
    Peer(
        name="neural-style-pt",
        module="bench.engine.peers.neural_style_pt",
        package="neural-style",
        needs=(),
        mark="CaffeLoader.py",
        iterations=(100, 300),
        quick=(4, 8),
        told="{} L-BFGS iterations",
        goal=10,
        default=(100, 1000),
    ),
    Peer(
        name="crowsonkb",
        module="bench.engine.peers.crowsonkb",
        package="",
        needs=("aiohttp", "tqdm"),
        mark="style_transfer/style_transfer.py",
        iterations=(60, 30),
        quick=(8, 4),
        told="{} + {} a scale, Adam",
        goal=10,
        default=(1000, 500),
    ),
    Peer(
        name="PyTorch tutorial",
        module="bench.engine.peers.tutorial",
        package="",
        needs=(),
        mark="advanced_source/neural_style_tutorial.py",
        iterations=(80,),
        quick=(20,),
        told="{} L-BFGS evaluations",
        goal=5,
    ),
    Peer(
        name="pystiche",
        module="bench.engine.peers.pystiche",
        package="pystiche",
        needs=(),
        mark="",
        iterations=(100,),
        quick=(8,),
        told="{} L-BFGS iterations",
        goal=0,
    ),
    Peer(
        name="SPST",
        module="bench.engine.peers.spst",
        package="",
        needs=(),
        mark="spst.py",
        iterations=(600,),
        quick=(10,),
        told="{} L-BFGS iterations",
        goal=0,
        default=(600,),
    ),
)


def checkout(peer: Peer, folders: Sequence[Path]) -> Path | None:
    """Find the peer's checkout: one of the folders, or a folder directly inside one."""
    if not peer.mark:
        return None
    inside = [each for folder in folders for each in sorted(folder.iterdir())]
    found = (each for each in [*folders, *inside] if (each / peer.mark).is_file())
    return next(found, None)
