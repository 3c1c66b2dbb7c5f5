"""What the benchmark says follows from what it measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from bench.engine.lower_bounds import flop_per_iteration
from bench.engine.peers.registry import PEERS
from bench.engine.pictures import prepare_inputs
from bench.engine.reference_objective import Measurement
from bench.engine.report import format_report, replace_section
from bench.engine.results import (
    DeliveredPicture,
    Findings,
    PairFindings,
    PeerRun,
    find_first_as_good,
    find_last_within,
    summarize,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bench.engine.results import Races


def delivered(seconds: float, j: float, c_rel: float = 0.5) -> DeliveredPicture:
    return DeliveredPicture(seconds, Measurement(j, c_rel, 0.1), "picture.png", 7)


RACE = [delivered(10, 9e5, 0.9), delivered(20, 5e5, 0.9), delivered(30, 4e5, 0.5)]
FAITHFUL = [delivered(25, 6e5, 0.4), delivered(190, 5e5, 0.3)]
PEER = PeerRun(PEERS[0], "checkout", "100 iterations", delivered(200, 6e5), 1000)


def on_one_pair(peers: list[PeerRun], races: Races) -> Findings:
    return Findings({}, [PairFindings("cat", peers, races)])


@pytest.mark.parametrize(
    ("j", "c_rel", "found"),
    [
        (9e5, 1, ("x 1", RACE[0])),
        (6e5, 1, ("x 1", RACE[1])),
        (6e5, 0.6, ("x 4", FAITHFUL[0])),
        (4e5, 0.6, ("x 1", RACE[2])),
        (1e5, 1, (None, None)),
        (9e5, 0.1, (None, None)),
    ],
)
def test_a_picture_is_as_good_only_in_both_figures(
    j: float, c_rel: float, found: tuple[str | None, DeliveredPicture | None]
) -> None:
    races = {"x 1": RACE, "x 4": FAITHFUL}

    assert find_first_as_good(races, Measurement(j, c_rel, 0)) == found


def test_the_picture_at_equal_time_is_the_last_one_there_by_then() -> None:
    assert find_last_within(RACE, 25) == RACE[1]
    assert find_last_within(RACE, 5) is None


def test_a_goal_is_met_or_missed_by_the_figures() -> None:
    slow = replace(PEER, delivered=delivered(299, 6e5))
    fast = replace(PEER, delivered=delivered(301, 6e5))

    lines = [
        next(
            line
            for line in format_report(on_one_pair([run], {"x 1": RACE})).splitlines()
            if "10 x |" in line
        )
        for run in (PEER, slow, fast)
    ]

    assert ["met" in line for line in lines] == [False, False, True]
    assert "6.7 x" in lines[0]


def reached_after(seconds: float | None) -> PairFindings:
    """A pair on which ours needs so long, and the peer 120 s; None: never."""
    ours = delivered(seconds or 1, 6e5 if seconds else 7e5)
    peer = replace(PEER, delivered=delivered(120, 6e5))
    return PairFindings(f"{seconds}", [peer], {"x 1, bf16": [ours]})


def test_pairs_are_summed_up_by_their_geometric_mean_and_the_worst() -> None:
    (summary,) = summarize([reached_after(4), reached_after(24)])

    assert summary.mean == pytest.approx(150**0.5)
    assert summary.worst == 5
    text = format_report(Findings({}, [reached_after(4), reached_after(24)]))
    assert "| bf16 | 2 of 2 | 12.2 x (goal 10, met) | 5.0 x (goal 6, missed) |" in text


def test_a_pair_that_was_not_reached_fails_the_summary() -> None:
    text = format_report(Findings({}, [reached_after(1), reached_after(None)]))

    assert "| 1 of 2 | none (goal 10, missed) | none (goal 6, missed) |" in text


def test_a_peer_that_did_not_run_has_a_reason_and_no_figure() -> None:
    text = format_report(Findings({}, absent={"crowsonkb": "no checkout"}))

    assert "| crowsonkb | no checkout |" in text
    assert "seconds" not in text


def test_an_iteration_is_1_21_million_operations_a_pixel() -> None:
    assert flop_per_iteration(512, 512) / 512**2 == pytest.approx(1.21e6, rel=0.01)


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = "a\n<!-- begin: part -->\nold\n<!-- end: part -->\nz\n"

    assert replace_section(page, "new\n", "part") == page.replace("old", "new")


def test_every_engine_gets_pictures_of_one_size(tmp_path: Path) -> None:
    for name, size in (("photo", (60, 40)), ("painting", (100, 90))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.jpg")

    made = prepare_inputs(
        tmp_path / "photo.jpg", tmp_path / "painting.jpg", 30, tmp_path
    )

    for path in made:
        with Image.open(path) as picture:
            assert picture.size == (30, 20)
