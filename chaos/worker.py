"""`python -m chaos.worker`: the product's worker, with traps, that computes chains too.

It takes the options of `worker.app`. CHAOS_TRAPS names the folder of the traps.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chaos.chain_run import chains_or
from chaos.points import install
from chaos.timing import OUTAGE_SECONDS
from chaos.traps import Traps
from worker import app, attempt, remedies


def main() -> int:
    """Prepare this process, then be a worker."""
    install(Traps(Path(os.environ["CHAOS_TRAPS"]), os.environ["CHAOS_SLOT"]))
    attempt.stylize = chains_or(attempt.stylize)
    remedies.OUTAGE_SECONDS = OUTAGE_SECONDS  # a constant of the product
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
