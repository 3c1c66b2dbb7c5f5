"""Hash chain as a plain Celery task: `celery -A chaos.baseline.tasks worker`.

BASELINE_BROKER is the URL of the Redis with messages and results. BASELINE_ACKS_LATE=1
turns on the usual options against lost tasks. All other options have Celery's defaults,
except for the visibility timeout with acks_late: by default it is one hour, which no
episode takes, so it is BASELINE_VISIBILITY seconds.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from celery import Celery, Task

from chaos.hash_chain import STEP_SECONDS, first_link, last_link, next_link

_URL = os.environ.get("BASELINE_BROKER", "memory://")
_WEIGHT = 8.0

app = Celery("baseline", broker=_URL, backend=_URL if "redis" in _URL else None)
if os.environ.get("BASELINE_ACKS_LATE") == "1":
    visibility = float(os.environ["BASELINE_VISIBILITY"])
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        broker_transport_options={"visibility_timeout": visibility},
    )


@app.task(name="chain", bind=True)
def chain(self: Task, seed: int, iterations: int) -> str:
    """Compute a chain from its beginning: a plain task has no checkpoint."""
    link = first_link(seed)
    for iteration in range(1, iterations + 1):
        time.sleep(STEP_SECONDS)
        link = next_link(link, iteration, _WEIGHT)
    done = Path(os.environ["BASELINE_DONE"]) / f"{self.request.id}.{uuid.uuid4().hex}"
    done.touch()
    return link.hex()


def expected(seed: int, iterations: int) -> str:
    """Return the result of an undisturbed task."""
    return last_link(seed, iterations, [(0, _WEIGHT)]).hex()
