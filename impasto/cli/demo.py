"""The demo: a farm of its own, one sample job over HTTP, two pictures."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli.exit_codes import ERROR, INTERRUPTED, OK, error_lines
from impasto.cli.output import print_line, say
from impasto.cli.signals import stop_signals_raise
from impasto.cli.watch import follow
from impasto.client.client import Client
from impasto.errors import ImpastoError
from impasto.images.triptych import save_triptych
from impasto.local.farm import FarmPlan, running_farm
from impasto.local.weights import fetch_missing_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

# Found in the checkout: a wheel brings no pictures.
_SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CONTENT = _SAMPLES / "chelsea.jpg"
STYLE = _SAMPLES / "strokes.jpg"
PARAMS: dict[str, object] = {"max_edge": 448, "quality": "standard"}

# What would lead the demo away from its own farm, or keep its own farm from it.
_NOT_INHERITED = frozenset(
    f"IMPASTO_{name}"
    for name in ("API_URL", "API_KEY", "AUTH", "DATABASE_URL", "STORAGE_URL")
)


def run_demo(folder: Path) -> int:
    """Paint the sample into `folder` and return an exit code.

    The last line on stdout says `demo: succeeded in <seconds> s: <path>`, or
    `demo: failed: <why>`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = _own_environment(os.environ)
    home = Path(tempfile.mkdtemp(prefix="farm-", dir=folder.resolve()))
    started = time.monotonic()
    try:
        with stop_signals_raise():
            fetch_missing_weights(environment, say)
            path = _paint(FarmPlan(home, "all", 0, environment), folder)
    except KeyboardInterrupt:
        print_line("demo: failed: interrupted")
        return INTERRUPTED
    except (ImpastoError, OSError) as error:
        _explain(error)
        print_line(f"demo: failed: {_first_line(error)} (logs: {home / 'logs'})")
        return ERROR
    shutil.rmtree(home)
    seconds = time.monotonic() - started
    print_line(f"demo: succeeded in {seconds:.1f} s: {path}")
    return OK


def _own_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in inherited.items() if name not in _NOT_INHERITED
    }


def _paint(plan: FarmPlan, folder: Path) -> Path:
    """Run the farm and the job; return the picture's path once the farm is gone."""
    say("demo: starting a farm")
    with (
        running_farm(plan, say) as farm,
        Client(farm.url, sleep=farm.tend) as client,
    ):
        job = client.jobs.submit(CONTENT, [STYLE], params=PARAMS, name="demo")
        say(f"demo: submitted {job.id} to {farm.url}")
        follow(client.jobs, job.id)
        picture = client.jobs.download(job.id, folder / "generated.png")
    triptych = save_triptych((CONTENT, STYLE, picture), folder / "triptych.jpg")
    say(f"demo: content | style | generated: {triptych}")
    return picture


def _explain(error: Exception) -> None:
    if isinstance(error, ImpastoError):
        for line in error_lines(error):
            say(line)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
