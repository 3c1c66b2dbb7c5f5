"""Python client and command line of the Impasto render farm."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "ApiError",
    "Client",
    "ImpastoError",
    "Job",
    "JobCanceled",
    "JobFailed",
    "JobPage",
    "ServerUnreachable",
    "StyleImage",
    "WaitTimeout",
]

_PUBLIC_NAMES = {
    "impasto.client.client": ("Client",),
    "impasto.errors": ("ApiError", "ImpastoError", "ServerUnreachable"),
    "impasto.client.models": ("Job", "JobPage"),
    "impasto.client.outcomes": ("JobCanceled", "JobFailed", "WaitTimeout"),
    "impasto.client.uploads": ("StyleImage",),
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use: the command line must start without httpx2."""
    for module, names in _PUBLIC_NAMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
