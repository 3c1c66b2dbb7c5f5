"""What one run of the benchmark found, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.engine.floors import flop_per_iteration

if TYPE_CHECKING:
    from bench.engine.peers.registry import Peer
    from bench.engine.processes import Figures
    from bench.engine.yardstick import Verdict


@dataclass(frozen=True, slots=True)
class Delivered:
    """A picture some engine delivered.

    Attributes:
        seconds: From the imported torch to the written file.
        verdict: By the yardstick.
        picture: Where it lies.
        iteration: Of ours, over all scales; evaluations of a peer.
    """

    seconds: float
    verdict: Verdict
    picture: str
    iteration: int


@dataclass(frozen=True, slots=True)
class PeerRun:
    """A peer that ran."""

    peer: Peer
    source: str
    told: str
    delivered: Delivered
    peak_mib: float


Races = dict[float, list[Delivered]]


@dataclass(slots=True)
class Findings:
    """Everything found; a part that did not run is empty.

    Attributes:
        machine: What it ran on, by name.
        peers: Those that ran.
        absent: Why another part did not run, by name.
        races: Our deliverable pictures, in order of time, by the content's weight.
        pace: Ours and the floors, by long side in px.
        memory: Ours, by part.
        checkpoint: Its cost.
    """

    machine: dict[str, str]
    peers: list[PeerRun] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    races: Races = field(default_factory=dict)
    pace: dict[int, Figures] = field(default_factory=dict)
    memory: dict[str, Figures] = field(default_factory=dict)
    checkpoint: Figures = field(default_factory=dict)


def first_as_good(
    races: Races, peer: Verdict
) -> tuple[float, Delivered] | tuple[None, None]:
    """Our first picture with J and C_rel no higher than the peer's, and its race."""
    good = [
        (factor, ours)
        for factor, race in races.items()
        for ours in race
        if ours.verdict.j <= peer.j and ours.verdict.c_rel <= peer.c_rel
    ]
    return min(good, key=lambda found: found[1].seconds, default=(None, None))


def at_equal_time(races: Races, run: PeerRun) -> Delivered | None:
    """Our last picture by the time of a peer, of the race that reached it first."""
    factor, _ = first_as_good(races, run.delivered.verdict)
    race = races.get(factor or 1.0, [])
    return last_within(race, run.delivered.seconds)


def last_within(race: list[Delivered], seconds: float) -> Delivered | None:
    """Our last picture that was there after so many seconds, if any."""
    return next((ours for ours in reversed(race) if ours.seconds <= seconds), None)


def product_floor(pace: Figures) -> float:
    """Seconds of an iteration's arithmetic at the best rate of a matrix product."""
    flop = flop_per_iteration(pace["height"], pace["width"])
    return flop / (float(pace["gemm_gflops"]) * 1e9)


def leanest(findings: Findings) -> PeerRun | None:
    """The peer with the lowest peak of memory."""
    return min(findings.peers, key=lambda run: run.peak_mib, default=None)
