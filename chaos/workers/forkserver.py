"""Entry point of a forked process, which becomes a worker."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def become_worker(
    options: Sequence[str], environment: Mapping[str, str], log: Path
) -> None:
    """Run `chaos.workers.chaos_worker` with this environment, options and log."""
    from chaos.workers.chaos_worker import main  # noqa: PLC0415 - loads torch, in the child only

    os.setsid()
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    sys.argv = ["chaos.workers.chaos_worker", *options]
    sys.exit(main())
