"""What a user installs: the client and the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.client import Client
    from impasto.errors import ApiError, ImpastoError, ServerUnreachable
    from impasto.models import Job, JobPage
    from impasto.outcomes import JobCanceled, JobFailed, WaitTimeout
    from impasto.painting import Painting

__all__ = [
    "ApiError",
    "Client",
    "ImpastoError",
    "Job",
    "JobCanceled",
    "JobFailed",
    "JobPage",
    "Painting",
    "ServerUnreachable",
    "WaitTimeout",
]

_HOMES = {
    "impasto.client": ("Client",),
    "impasto.errors": ("ApiError", "ImpastoError", "ServerUnreachable"),
    "impasto.models": ("Job", "JobPage"),
    "impasto.outcomes": ("JobCanceled", "JobFailed", "WaitTimeout"),
    "impasto.painting": ("Painting",),
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use: the command line must start without httpx."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
