"""Random durations of outages: often short, at times very long."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chaos.farm_settings import OUTAGE_RANGE_SECONDS

if TYPE_CHECKING:
    from random import Random


def draw_outage_seconds(rng: Random) -> float:
    """Draw the length of an outage: 0.3 to 3 s is as likely as 3 to 30 s."""
    shortest, longest = map(math.log, OUTAGE_RANGE_SECONDS)
    return math.exp(rng.uniform(shortest, longest))
