"""Blobs that no row names any more go from the storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api.services import Services

log = structlog.get_logger(__name__)


def drop_blobs(services: Services, keys: Iterable[str]) -> None:
    """Delete these; what cannot be deleted now, the sweep will find."""
    for key in keys:
        try:
            services.storage.delete(key)
        except StorageError as error:
            log.warning("blob_left_behind", key=key, error=str(error))
