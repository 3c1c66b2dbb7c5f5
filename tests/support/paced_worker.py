"""The worker of the product, whose jobs last some seconds but compute little.

So a test has time to meet a job that runs, whatever the CPU.
"""

from __future__ import annotations

import time
from unittest.mock import patch

from worker.app import main as run_worker
from worker.engine.vgg.network import Network

PASS_SECONDS = 0.12
HEARTBEAT_SECONDS = 0.5  # between those of a registration


def main():
    plain = vars(Network)["_run"]

    def run_late(self, image, names):
        time.sleep(PASS_SECONDS)
        return plain(self, image, names)

    patch.object(Network, "_run", run_late).start()
    patch("worker.registration._HEARTBEAT_SECONDS", HEARTBEAT_SECONDS).start()
    return run_worker()
