"""Outages are often short, and some outlast the patience of a watchdog."""

from __future__ import annotations

import random

from chaos.farm_settings import LEASE_SECONDS, OUTAGE_RANGE_SECONDS, STALL_SECONDS
from chaos.faults.durations import draw_outage_seconds
from worker.watchdog import HUNG_LEASES


def test_outages_have_a_long_tail():
    rng = random.Random(1)  # noqa: S311 - not for secrets
    shortest, longest = OUTAGE_RANGE_SECONDS

    drawn = [draw_outage_seconds(rng) for _ in range(1000)]

    assert shortest <= min(drawn)
    assert max(drawn) <= longest
    patience = STALL_SECONDS + HUNG_LEASES * LEASE_SECONDS
    assert 0.05 < sum(each > patience for each in drawn) / len(drawn) < 0.2
    assert 0.45 < sum(each < 3 for each in drawn) / len(drawn) < 0.55
