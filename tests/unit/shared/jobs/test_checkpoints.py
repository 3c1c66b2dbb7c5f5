"""However many come, those kept stay evenly spread."""

from __future__ import annotations

from itertools import pairwise

import pytest

from shared.jobs.checkpoints import least_missed_index


@pytest.mark.parametrize("count", [21, 40, 57, 200, 1000])
def test_no_gap_grows_beyond_a_few_times_the_smallest(count):
    kept = []
    for iteration in range(count):
        kept.append(iteration)
        if len(kept) > 20:
            del kept[least_missed_index(kept)]

    gaps = [after - before for before, after in pairwise(kept)]
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert max(gaps) <= 2.5 * count / 20


def test_one_and_two_can_be_thinned_too():
    assert least_missed_index([5]) == 0
    assert least_missed_index([5, 9]) == 0
    assert least_missed_index([5, 6, 9]) == 1
