"""Python client and command line of the Impasto render farm."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Any

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Event",
    "ImpastoError",
    "Job",
    "JobCanceled",
    "JobFailed",
    "JobPage",
    "ServerUnreachable",
    "StyleImage",
    "WaitTimeout",
    "__version__",
]

_PUBLIC_NAMES = {
    "impasto.client.client": ("AsyncClient", "Client"),
    "impasto.errors": (
        *("ApiError", "ImpastoError", "ServerUnreachable"),
        *("JobCanceled", "JobFailed", "WaitTimeout"),
    ),
    "impasto.client.models": ("Event", "Job", "JobPage"),
    "impasto.client.uploads": ("StyleImage",),
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that commands start without httpx2."""
    if name == "__version__":
        return _read_version()
    for module, names in _PUBLIC_NAMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _read_version() -> str:
    try:
        return metadata.version("impasto")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "0"
