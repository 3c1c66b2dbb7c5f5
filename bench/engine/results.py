"""Results of one run of the benchmark, and figures computed from them."""

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
    """Picture that an engine delivered.

    Attributes:
        seconds: Seconds from the imported torch to the written file.
        verdict: Measurement by the reference objective.
        picture: File of the picture.
        iteration: Iteration over all scales; for a peer the number of evaluations.
    """

    seconds: float
    verdict: Measurement
    picture: str
    iteration: int


@dataclass(frozen=True, slots=True)
class PeerRun:
    """Run of a peer: its picture, or the picture of each moment."""

    peer: Peer
    source: str
    told: str
    delivered: DeliveredPicture
    peak_mib: float


Races = dict[str, list[DeliveredPicture]]


@dataclass(slots=True)
class PairFindings:
    """Results for one pair of pictures.

    Attributes:
        name: Name of the pair.
        peers: Peers that ran.
        races: Impasto's pictures, in order of time, by the name of the race, which
            ends with the precision.
    """

    name: str
    peers: list[PeerRun] = field(default_factory=list)
    races: Races = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """Results of the benchmark; a part that did not run is empty.

    Attributes:
        machine: Properties of the machine, by name.
        pairs: Results of each pair, in order.
        absent: Reasons why a part did not run, by name.
        pace: Times of Impasto and the lower bounds, by long side in px and precision.
        memory: Memory of Impasto, by part.
        checkpoint: Cost of a checkpoint.
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
    """Return the first picture with J and C_rel at most the peer's, and its race."""
    good = [
        (name, ours)
        for name, race in races.items()
        for ours in race
        if ours.verdict.j <= peer.j and ours.verdict.c_rel <= peer.c_rel
    ]
    return min(good, key=lambda found: found[1].seconds, default=(None, None))


def group_by_precision(races: Races) -> list[Races]:
    """Group the races by the precision at the end of their names."""
    found: dict[str, Races] = {}
    for name, race in races.items():
        found.setdefault(name.rpartition(", ")[2], {})[name] = race
    return list(found.values())


def find_at_equal_time(races: Races, run: PeerRun) -> DeliveredPicture | None:
    """Return the last picture within a peer's time, of the race that was first."""
    name, _ = find_first_as_good(races, run.delivered.verdict)
    race = races[name] if name else next(iter(races.values()), [])
    return find_last_within(race, run.delivered.seconds)


def find_last_within(
    race: list[DeliveredPicture], seconds: float
) -> DeliveredPicture | None:
    """Return the last picture of a race within this time, if any."""
    return next((ours for ours in reversed(race) if ours.seconds <= seconds), None)


def compute_product_bound(pace: Figures) -> float:
    """Return the first lower bound of an iteration, in seconds."""
    flop = flop_per_iteration(pace["height"], pace["width"])
    return flop / (float(pace["gemm_gflops"]) * 1e9)


def find_lowest_memory(findings: Findings) -> PeerRun | None:
    """Return the peer with the lowest peak memory."""
    runs = findings.pairs[0].peers if findings.pairs else []
    return min(runs, key=lambda run: run.peak_mib, default=None)


@dataclass(frozen=True, slots=True)
class Summary:
    """Speed relative to one peer, over all pairs.

    Attributes:
        peer: Name of the peer, with its iterations.
        precision: Precision of Impasto's activations.
        ratios: Peer's seconds divided by Impasto's, by pair; None if the peer's picture
            was not reached.
    """

    peer: str
    precision: str
    ratios: dict[str, float | None]

    @property
    def missed(self) -> list[str]:
        """Pairs for which the peer's picture was not reached."""
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
    """Summarize each peer and precision with results for at least two pairs."""
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
