"""`python -m worker.doctor`: check what a worker needs, and say how to repair it."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, get_args

from shared.commands.doctor import Trouble, run_checks
from shared.errors import WeightsError, WeightsMissing
from shared.params.networks import NetworkName
from shared.settings import Settings, settings_or_exit
from worker.devices.device import (
    describe_setup,
    is_usable,
    list_devices,
    software_versions,
)
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Callable

_GIB = 2**30
_NEEDED_NETWORK = "vgg16"  # the default network; others are optional


def main() -> int:
    """Run all checks; return 1 if one failed."""
    settings = settings_or_exit()
    checks: dict[str, Callable[[], str]] = {
        "versions": _describe_versions,
        "device": lambda: _check_devices(settings),
    }
    for network in get_args(NetworkName):
        checks[network] = partial(_check_weights, settings, network)
    return run_checks(checks)


def _describe_versions() -> str:
    return ", ".join(f"{name} {value}" for name, value in software_versions().items())


def _check_devices(settings: Settings) -> str:
    devices = list_devices()
    for device in devices:
        if not is_usable(device):
            raise Trouble(
                f"{device.name} does not compute", "look at its driver (nvidia-smi)"
            )
    return "; ".join(
        f"{describe_setup(settings, device)}, {device.bytes / _GIB:.0f} GiB"
        for device in devices
    )


def _check_weights(settings: Settings, network: NetworkName) -> str:
    try:
        load_weights(network, settings.weights_dir)
    except WeightsError as error:
        if network != _NEEDED_NETWORK and isinstance(error, WeightsMissing):
            return "not fetched; only jobs with this network need it"
        remedy = f"run: impasto weights fetch --network {network}"
        raise Trouble(str(error), remedy) from error
    return f"whole, in {settings.weights_dir}"


if __name__ == "__main__":
    sys.exit(main())
