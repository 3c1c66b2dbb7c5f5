"""What one run of the benchmark found, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import geometric_mean
from typing import TYPE_CHECKING

from bench.engine.lower_bounds import flop_per_iteration

if TYPE_CHECKING:
    from bench.engine.peers.registry import Peer
    from bench.engine.processes import Figures
    from bench.engine.reference_objective import Measurement


@dataclass(frozen=True, slots=True)
class DeliveredPicture:
    """A picture some engine delivered.

    Attributes:
        seconds: From the imported torch to the written file.
        verdict: By the yardstick.
        picture: Where it lies.
        iteration: Of ours, over all scales; evaluations of a peer.
    """

    seconds: float
    verdict: Measurement
    picture: str
    iteration: int


@dataclass(frozen=True, slots=True)
class PeerRun:
    """A picture of a peer that ran; of each moment, if it kept several."""

    peer: Peer
    source: str
    told: str
    delivered: DeliveredPicture
    peak_mib: float


Races = dict[str, list[DeliveredPicture]]


@dataclass(slots=True)
class PairFindings:
    """What was found on one pair of pictures.

    Attributes:
        name: Of the pair.
        peers: Those that ran.
        races: Our deliverable pictures, in order of time, by the race's name, which
            ends with the precision.
    """

    name: str
    peers: list[PeerRun] = field(default_factory=list)
    races: Races = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """Everything found; a part that did not run is empty.

    Attributes:
        machine: What it ran on, by name.
        pairs: Of each pair of pictures, in their order.
        absent: Why another part did not run, by name.
        pace: Ours and the floors, by long side in px and precision.
        memory: Ours, by part.
        checkpoint: Its cost.
    """

    machine: dict[str, str]
    pairs: list[PairFindings] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    pace: dict[str, Figures] = field(default_factory=dict)
    memory: dict[str, Figures] = field(default_factory=dict)
    checkpoint: Figures = field(default_factory=dict)


def find_first_as_good(
    races: Races, peer: Measurement
) -> tuple[str, DeliveredPicture] | tuple[None, None]:
    """Our first picture with J and C_rel no higher than the peer's, and its race."""
    good = [
        (name, ours)
        for name, race in races.items()
        for ours in race
        if ours.verdict.j <= peer.j and ours.verdict.c_rel <= peer.c_rel
    ]
    return min(good, key=lambda found: found[1].seconds, default=(None, None))


def group_by_precision(races: Races) -> list[Races]:
    """The races of each precision, which their names end with, apart."""
    found: dict[str, Races] = {}
    for name, race in races.items():
        found.setdefault(name.rpartition(", ")[2], {})[name] = race
    return list(found.values())


def find_at_equal_time(races: Races, run: PeerRun) -> DeliveredPicture | None:
    """Our last picture by the time of a peer, of the race that reached it first."""
    name, _ = find_first_as_good(races, run.delivered.verdict)
    race = races[name] if name else next(iter(races.values()), [])
    return find_last_within(race, run.delivered.seconds)


def find_last_within(
    race: list[DeliveredPicture], seconds: float
) -> DeliveredPicture | None:
    """Our last picture that was there after so many seconds, if any."""
    return next((ours for ours in reversed(race) if ours.seconds <= seconds), None)


def compute_product_bound(pace: Figures) -> float:
    """Seconds of an iteration's arithmetic at the best rate of a matrix product."""
    flop = flop_per_iteration(pace["height"], pace["width"])
    return flop / (float(pace["gemm_gflops"]) * 1e9)


def find_lowest_memory(findings: Findings) -> PeerRun | None:
    """The peer with the lowest peak of memory."""
    runs = findings.pairs[0].peers if findings.pairs else []
    return min(runs, key=lambda run: run.peak_mib, default=None)


@dataclass(frozen=True, slots=True)
class Summary:
    """How many times faster ours was than a peer, over all pairs.

    Attributes:
        peer: Name of the peer, and what it was asked for.
        precision: Of our activations.
        ratios: The peer's seconds over ours, by pair; None: not reached.
    """

    peer: str
    precision: str
    ratios: dict[str, float | None]

    @property
    def missed(self) -> list[str]:
        """Pairs on which the peer's picture was never reached."""
        return [name for name, ratio in self.ratios.items() if ratio is None]

    @property
    def mean(self) -> float:
        """Geometric mean of the ratios; 0 if a pair was not reached."""
        ratios = [ratio for ratio in self.ratios.values() if ratio is not None]
        return 0.0 if self.missed else geometric_mean(ratios)

    @property
    def worst(self) -> float:
        """Lowest ratio; 0 if a pair was not reached."""
        return min(ratio or 0.0 for ratio in self.ratios.values())


def summarize(pairs: list[PairFindings]) -> list[Summary]:
    """Summarize each peer and precision that at least two pairs have."""
    ratios: dict[tuple[str, str], dict[str, float | None]] = {}
    for pair in pairs:
        for run in pair.peers:
            for races in group_by_precision(pair.races):
                _, ours = find_first_as_good(races, run.delivered.verdict)
                ratio = None if ours is None else run.delivered.seconds / ours.seconds
                precision = next(iter(races)).rpartition(", ")[2]
                key = f"{run.peer.name}, {run.told}", precision
                ratios.setdefault(key, {})[pair.name] = ratio
    return [Summary(*key, found) for key, found in ratios.items() if len(found) > 1]
