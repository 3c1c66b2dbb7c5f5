"""Paces of earlier jobs for an attempt, and the record of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import DatabaseUnavailable
from shared.workers.pace_table import load_pace_table, method_of, record_paces
from worker.devices.device import describe_setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.jobs.claim import Claim
    from shared.workers.pace_table import IterationTime, PaceMeasurement
    from worker.context import WorkerContext
    from worker.engine.snapshot import Snapshot

log = structlog.get_logger(__name__)


def expected_times(
    context: WorkerContext, claim: Claim, megapixels: Sequence[float]
) -> list[IterationTime | None]:
    """Return the time of an iteration at each size; None where it is not known.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job.
        megapixels: Size of the picture at each scale.
    """
    try:
        table = load_pace_table(context.db)
    except DatabaseUnavailable as error:
        log.warning("pace_read_failed", error=str(error))
        return [None] * len(megapixels)
    key = _pace_key(context, claim)
    return [table.iteration_time(*key, size) for size in megapixels]


def store_paces(
    context: WorkerContext, claim: Claim, measurements: Sequence[PaceMeasurement]
) -> None:
    """Store measured paces; never raises, as the job has already succeeded."""
    try:
        record_paces(context.db, *_pace_key(context, claim), measurements)
    except DatabaseUnavailable as error:
        log.warning("pace_write_failed", error=str(error))
    except Exception:
        log.exception("pace_write_failed")


def snapshot_position(snapshot: Snapshot) -> tuple[int, int, int]:
    """Return iterations over all scales, the scale, and iterations done there."""
    return snapshot.iteration, snapshot.scale, snapshot.scale_iteration


def _pace_key(context: WorkerContext, claim: Claim) -> tuple[str, str]:
    setup = describe_setup(context.settings, context.device)
    return setup, method_of(claim.kind, claim.params.model_dump())
