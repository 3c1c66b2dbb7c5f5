"""Description of the machine on which a run was measured."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version

from worker.devices.device import cpu_device


def describe(threads: int, command: str) -> dict[str, str]:
    """Return the machine, its software and the command, for the head of the table."""
    device = cpu_device()
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{device.name}, {device.bytes / 2**30:.0f} GiB",
        "threads": str(threads),
        "versions": f"impasto {version('impasto')}, torch {version('torch')}, "
        f"torchvision {version('torchvision')}, Python {platform.python_version()}, "
        f"{platform.system()}",
        "command": command,
    }
