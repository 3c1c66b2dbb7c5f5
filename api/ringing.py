"""Telling the workers that a job is due; whatever comes of it, the job waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared import jobs
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from api.services import Services

log = structlog.get_logger(__name__)


def ring(services: Services, job_id: str) -> None:
    """Ring for a job whose row is committed."""
    if not services.doorbell.ring(job_id, None):
        return  # the reconciler will
    try:
        jobs.rung(services.database, job_id)
    except DatabaseUnavailable:
        log.info("ring_not_noted", job_id=job_id)  # it may ring twice: harmless
