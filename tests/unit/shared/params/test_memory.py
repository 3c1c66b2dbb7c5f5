"""The largest size that fits, and a job made that large."""

from __future__ import annotations

import pytest

from shared.params.memory import (
    largest_fitting_edge,
    least_bytes,
    need_bytes,
    peak_bytes,
    shrink_to_edge,
)
from shared.params.style import StyleParams


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("edge", [64, 80, 512, 1000, 1008])
def test_the_largest_edge_is_the_inverse_of_the_estimate(edge, optimizer):
    params = StyleParams(max_edge=1024, optimizer=optimizer)
    room = need_bytes(StyleParams(max_edge=edge, optimizer=optimizer))

    assert largest_fitting_edge(params, room) == edge // 16 * 16


def test_it_is_never_larger_than_asked():
    assert largest_fitting_edge(StyleParams(max_edge=300), 2**60) == 288


def test_where_not_even_the_smallest_fits_there_is_none():
    room = need_bytes(StyleParams(max_edge=64))

    assert largest_fitting_edge(StyleParams(), room) == 64
    assert largest_fitting_edge(StyleParams(), room - 1) is None


@pytest.mark.parametrize(
    ("edge", "schedule"),
    [
        (768, ((256, 60), (512, 40), (768, 30))),
        (512, ((256, 60), (512, 30))),
        (300, ((256, 60), (300, 30))),
        (64, ((64, 30),)),
    ],
)
def test_a_shrunk_job_keeps_its_smaller_scales(edge, schedule):
    params = StyleParams(
        max_edge=1024, schedule=((256, 60), (512, 40), (1024, 30)), seed=7
    )

    smaller = shrink_to_edge(params, edge)

    assert (smaller.max_edge, smaller.schedule) == (edge, schedule)
    assert (smaller.seed, smaller.optimizer) == (7, params.optimizer)


@pytest.mark.parametrize("style_scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("edge", [64, 96, 320, 512, 2048])
def test_what_a_job_takes_at_least_is_never_above_the_upper_estimate(edge, style_scale):
    params = StyleParams(max_edge=edge, style_scale=style_scale)
    least, need = least_bytes(params), need_bytes(params)

    for device_bytes in (need, 2 * need, 10**12):
        assert least <= peak_bytes(params, device_bytes) <= device_bytes
