"""Chaos tests: break a whole farm on purpose, and check that it keeps its promises.

`make chaos` starts a real API, real workers, a real Redis behind a proxy, and SQLite or
PostgreSQL. Random faults, drawn from a seed, break them. Then all faults end, the farm
settles, and every promise of docs/reliability.md is checked. The product contains no
code for these tests.
"""

from __future__ import annotations

import signal
import sys


def leave_on_sigterm() -> None:
    """Make SIGTERM end this process as Ctrl-C does, so that its children end, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
