"""Which of many moments to let go of, so that those left stay evenly spread."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def least_missed(iterations: Sequence[int]) -> int:
    """Find the one without which the largest new gap is smallest.

    Dropped one by one as more arrive, no gap grows beyond about twice the smallest;
    halving all of them now and then would leave the old ones ever sparser.

    Args:
        iterations: In order, at least one.

    Returns:
        Its index; never the last, which is the newest, while there are others, and the
        first only where there are two.
    """
    gaps = [after - before for before, after in pairwise(iterations)]
    joined = [before + after for before, after in pairwise(gaps)]
    return 1 + joined.index(min(joined)) if joined else 0
