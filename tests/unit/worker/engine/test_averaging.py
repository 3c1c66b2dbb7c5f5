"""Averaged iterates and early stop: by hand, and in a run."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from tests.unit.worker.engine.conftest import check_resumes, last
from worker.engine.averaging import CHECK_INTERVAL, EarlyStopping, IterateAverage


def test_an_average_is_one_of_all_iterates_with_falling_weights() -> None:
    average = IterateAverage(0.5)

    means = [float(average.update(torch.tensor(x))) for x in (1.0, 2.0, 4.0)]

    # Weights fall by half with age.
    assert means == pytest.approx([1.0, 2.5 / 1.5, 5.25 / 1.75])


def test_an_average_without_decay_is_the_last_iterate_itself() -> None:
    point = torch.rand(3)

    average = IterateAverage(0.0)

    assert average.update(point) is point
    assert not average.save_state().tensors


def test_early_stopping_compares_images_ten_iterations_apart() -> None:
    early_stopping = EarlyStopping(min_change=1.0)
    moving = [torch.full((4,), 0.01 * step) for step in range(CHECK_INTERVAL + 1)]

    for image in moving:
        early_stopping.update(image)
    assert not early_stopping.is_triggered
    for _ in range(CHECK_INTERVAL):
        early_stopping.update(moving[-1])
    assert early_stopping.is_triggered


def test_early_stopping_is_off_by_default() -> None:
    early_stopping = EarlyStopping(0.0)

    for _ in range(3 * CHECK_INTERVAL):
        early_stopping.update(torch.zeros(4))

    assert not early_stopping.is_triggered


def test_a_run_stops_a_scale_early_and_counts_the_rest_as_done(run: Any) -> None:
    changes = {"schedule": ((32, 40), (64, 30)), "early_stop": 10.0}

    found = list(run(**changes))

    assert [i.iteration for i in found] == [*range(1, 22), *range(41, 52)]
    assert found[-1].scale_iteration == 11


def test_a_run_that_stops_early_resumes_bit_for_bit(run: Any) -> None:
    changes = {"schedule": ((32, 40), (64, 30)), "early_stop": 10.0}

    check_resumes(partial(run, **changes), stops=(6, 12, 21))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "gd"])
def test_an_averaged_run_gives_the_average_of_what_it_went_through(
    run: Any, optimizer: str
) -> None:
    changes = {"schedule": ((64, 5),), "optimizer": optimizer}
    points = [i.snapshot().point for i in run(**changes, averaging=0.0)]

    final = last(run(**changes, averaging=0.9))

    average = IterateAverage(0.9)
    *_, expected = (average.update(point) for point in points)
    assert torch.equal(final.image, expected)


def test_the_next_scale_goes_on_from_the_average(run: Any) -> None:
    changes = {"optimizer": "adam", "averaging": 0.9}
    at_once = list(run(**changes))

    small = last(run(**changes, max_edge=32 * 2, schedule=((32, 4), (64, 1))))

    assert torch.equal(at_once[4].image, small.image)
    assert not torch.equal(at_once[3].snapshot().point, at_once[3].image)
