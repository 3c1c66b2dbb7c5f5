"""Breaks a whole farm on purpose, again and again, and checks what it promised.

`make chaos` starts a real API, real workers, a real Redis behind a proxy, SQLite or
PostgreSQL; it kills, freezes, cuts and fills them by a seed, then lets the farm settle
and judges it: docs/reliability.md. The product knows nothing of all this.
"""

from __future__ import annotations

import signal
import sys


def leave_on_sigterm() -> None:
    """Have SIGTERM end this process the way Ctrl-C does: with all that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
