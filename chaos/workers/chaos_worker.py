"""`python -m chaos.workers.chaos_worker`: the product's worker, with failpoints.

It also computes hash chains. It has the options of `worker.app`. CHAOS_TRAPS is the
folder of the failpoints, CHAOS_HOST the host name that this process reports.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from chaos.farm_settings import OUTAGE_SECONDS
from chaos.workers.failpoint_locations import install
from chaos.workers.failpoints import Failpoints
from chaos.workers.hash_chain_run import wrap_stylize
from worker.app import main as run_worker
from worker.attempts import failures
from worker.attempts import style as attempt
from worker.engine.transfer import stylize


def main() -> int:
    """Install failpoints and hash chains, then run the worker."""
    socket.gethostname = _host_name
    install(Failpoints(Path(os.environ["CHAOS_TRAPS"]), os.environ["CHAOS_SLOT"]))
    attempt.stylize = wrap_stylize(stylize)
    failures.OUTAGE_SECONDS = OUTAGE_SECONDS  # a constant of the product
    return run_worker()


def _host_name() -> str:
    return os.environ["CHAOS_HOST"]


if __name__ == "__main__":
    sys.exit(main())
