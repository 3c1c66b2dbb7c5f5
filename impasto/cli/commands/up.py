"""`impasto up`: the whole farm on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.output import print_message
from impasto.cli.signals import Terminated, raise_on_stop_signals
from impasto.client.discovery import home_folder
from impasto.errors import InvalidOption

if TYPE_CHECKING:
    from impasto.local.farm import Farm

_SUPERVISE_SECONDS = 3600.0  # arbitrary, since the loop continues
# One item as `worker.supervisor` parses it, which also checks the machine's devices.
_DEVICE = re.compile(r"all|cpu(\*[1-9]\d?)?|mps|cuda:\d+")


def up(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            envvar="IMPASTO_PORT",
            help="Port of the API; 0: any. [default: 8470, or any if it is taken]",
        ),
    ] = None,
    devices: Annotated[
        str, typer.Option(help="all, cpu, cpu*N, or a list like cuda:0,cuda:1.")
    ] = "all",
) -> None:
    """Run Redis, the API and the workers here, until Ctrl-C."""
    # Imported here, since both take 100 ms to load.
    from impasto.local.farm import FarmConfig, run_farm  # noqa: PLC0415
    from impasto.local.weights import require_weights  # noqa: PLC0415

    require_devices(devices)
    home = home_folder(os.environ)
    require_weights(os.environ)
    started = time.monotonic()
    config = FarmConfig(home, devices, port, dict(os.environ))
    try:
        with raise_on_stop_signals(), run_farm(config, print_message) as farm:
            _print_addresses(farm, time.monotonic() - started)
            try:
                while True:
                    farm.supervise(_SUPERVISE_SECONDS)
            finally:
                print_message("stopping; running jobs go on at the next 'impasto up'")
    except Terminated:
        raise typer.Exit from None  # stopped as requested: exit code 0


def _print_addresses(farm: Farm, seconds: float) -> None:
    print_message(f"Impasto is up after {seconds:.1f} s")
    print_message(f"  page  {farm.url}/")
    print_message(f"  API   {farm.url}/v1")
    print_message(f"  docs  {farm.url}/docs")
    print_message(f"  logs  {farm.logs}")
    print_message("Ctrl-C stops it.")


def require_devices(devices: str) -> None:
    """Check the syntax of devices before the farm starts.

    Raises:
        InvalidOption: A worker could not parse the devices.
    """
    for device in devices.split(","):
        if not _DEVICE.fullmatch(device.strip()):
            raise InvalidOption(
                f"--devices {devices!r}: cannot read {device!r}",
                hint="use all, cpu, cpu*N, mps or cuda:N, by commas",
            )
