"""`impasto up`: the whole farm on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.commands.admin import Devices, require_devices
from impasto.cli.output import say
from impasto.cli.signals import Terminated, stop_signals_raise
from impasto.client.discovery import home_folder

if TYPE_CHECKING:
    from impasto.local.farm import Farm

_TEND_SECONDS = 3600.0  # any; the loop goes on


def up(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Of the API; 0: any. [default: 8470]"),
    ] = None,
    devices: Devices = "all",
) -> None:
    """Run Redis, the API and the workers here, until Ctrl-C."""
    # Both take 100 ms to load, which no other command should pay.
    from impasto.local.farm import FarmPlan, running_farm  # noqa: PLC0415
    from impasto.local.weights import require_weights  # noqa: PLC0415

    require_devices(devices)
    home = home_folder(os.environ)
    require_weights(os.environ)
    started = time.monotonic()
    plan = FarmPlan(home, devices, port, dict(os.environ))
    try:
        with stop_signals_raise(), running_farm(plan, say) as farm:
            _introduce(farm, time.monotonic() - started)
            try:
                while True:
                    farm.tend(_TEND_SECONDS)
            finally:
                say("stopping; running jobs go on at the next 'impasto up'")
    except Terminated:
        raise typer.Exit from None  # told to stop, and stopped


def _introduce(farm: Farm, seconds: float) -> None:
    say(f"Impasto is up after {seconds:.1f} s")
    say(f"  page  {farm.url}/")
    say(f"  API   {farm.url}/v1")
    say(f"  docs  {farm.url}/docs")
    say(f"  logs  {farm.logs}")
    say("Ctrl-C stops it.")
