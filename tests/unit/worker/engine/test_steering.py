"""Changes in mid-run: recorded, they are replayed to the same bits."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from shared.params.segments import Changes, Segment
from tests.unit.worker.engine.conftest import check_resumes
from worker.engine.transfer import find_phase

NAMES = ["lbfgs", "adam", "gd"]
HEAVIER = Changes(style_weight=30.0, tv_weight=0.1)
FORGETFUL = Changes(content_weight=0.0)  # which also decides how a scale begins
LONGER = Changes(iterations=9)


def segment(start: int, changes: Changes) -> Segment:
    return Segment(from_iteration=start, changes=changes)


@pytest.mark.parametrize(
    ("name", "start", "changes"),
    [
        ("lbfgs", 1, HEAVIER),
        ("lbfgs", 6, FORGETFUL),
        ("adam", 4, FORGETFUL),
        ("gd", 4, HEAVIER),
    ],
)
def test_steering_live_equals_a_replay_of_its_segments(
    run: Any, name: str, start: int, changes: Changes
) -> None:
    segments = [segment(start, changes), segment(8, LONGER)]
    replayed = list(run(optimizer=name, segments=segments))

    steered: list[Segment] = []
    live = []
    for iterate in run(optimizer=name, segments=steered):
        live.append(iterate)
        if iterate.iteration in {start, 8}:
            steered.append(segments[len(steered)])

    assert [i.iteration for i in live] == [i.iteration for i in replayed]
    assert len(replayed) == 13  # 4 at 32 px, then 9 instead of 4
    for one, other in zip(live, replayed, strict=True):
        assert torch.equal(one.image, other.image)


def test_a_run_that_stopped_early_goes_on_when_it_is_steered(run: Any) -> None:
    changes = {"schedule": ((64, 40),), "early_stop": 10.0}
    steered: list[Segment] = []
    found = []

    for iterate in run(segments=steered, **changes):
        found.append(iterate.iteration)
        if iterate.iteration == 11:  # the last one, unless steered
            steered.append(segment(11, HEAVIER))

    assert found[11] == 12


@pytest.mark.parametrize("name", NAMES)
def test_a_steered_run_resumes_bit_for_bit_from_anywhere(run: Any, name: str) -> None:
    segments = [segment(2, HEAVIER), segment(6, LONGER)]

    check_resumes(partial(run, optimizer=name, segments=segments), (1, 2, 3, 6, 9))


def test_nothing_changes_before_the_segment_and_something_after_it(run: Any) -> None:
    plain, steered = list(run()), list(run(segments=[segment(5, HEAVIER)]))

    assert torch.equal(steered[4].image, plain[4].image)
    assert steered[5].losses.style > 5 * plain[5].losses.style
    assert not torch.equal(steered[5].image, plain[5].image)


def test_more_iterations_alone_go_on_as_if_planned_from_the_start(run: Any) -> None:
    planned = list(run(schedule=((32, 4), (64, 9))))

    steered = list(run(segments=[segment(6, LONGER)]))

    assert torch.equal(steered[-1].image, planned[-1].image)


def test_fewer_iterations_than_are_done_end_the_run_at_once(run: Any) -> None:
    found = list(run(segments=[segment(6, Changes(iterations=1))]))

    assert [i.iteration for i in found] == [1, 2, 3, 4, 5, 6]


def test_a_scale_that_stopped_early_goes_on_when_something_changes(run: Any) -> None:
    changes = {"schedule": ((64, 40),), "early_stop": 10.0}

    found = list(run(segments=[segment(11, HEAVIER)], **changes))

    assert found[10].iteration == 11
    assert found[11].iteration == 12


def test_a_change_within_what_an_early_stop_skips_begins_there(run: Any) -> None:
    changes = {"schedule": ((64, 40),), "early_stop": 10.0}
    segments = [segment(30, HEAVIER)]
    straight = check_resumes(partial(run, segments=segments, **changes), stops=(21,))

    assert [each.iteration for each in straight[20:22]] == [21, 31]


def test_phases_end_where_the_next_change_begins(make_params: Any) -> None:
    segments = [segment(2, HEAVIER), segment(6, LONGER)]
    phases = [
        find_phase(make_params(), segments, scale, at)
        for scale, at in ((0, 0), (0, 2), (1, 4), (1, 6))
    ]

    assert [phase.end for phase in phases] == [2, 4, 6, 13]
    assert [phase.changes_objective for phase in phases] == [False, True, False, False]
    assert phases[2].params.style_weight == 30.0
