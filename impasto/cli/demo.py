"""Demo: starts its own farm, runs a sample job over HTTP, and saves two pictures."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, ImageOps

from impasto.cli.exit_codes import ERROR, INTERRUPTED, OK, error_lines
from impasto.cli.output import print_line, print_message
from impasto.cli.signals import raise_on_stop_signals
from impasto.cli.watch import follow_job
from impasto.client.client import Client
from impasto.errors import ImpastoError
from impasto.local.farm import FarmConfig, run_farm
from impasto.local.weights import fetch_missing_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from impasto.client.params import StyleParams

# Samples are in the checkout only: a wheel contains no pictures.
_SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CONTENT = _SAMPLES / "tubingen.jpg"
STYLE = _SAMPLES / "starry_night.jpg"
CREDIT = (
    "photo: Tuebingen Neckarfront by Andreas Praefcke, CC BY 3.0 "
    "(https://creativecommons.org/licenses/by/3.0/), shrunk; "
    "painting: The Starry Night by Vincent van Gogh, 1889"
)
# With relu5_1, for the whirls and the stars of the sky. The defaults are without it,
# since it copies the faces of portraits.
PARAMS: StyleParams = {
    "max_edge": 448,
    "quality": "standard",
    "style_layers": {f"relu{block}_1": 1.0 for block in range(1, 6)},
    "style_weight": 8.0,
}

_PANEL_HEIGHT_PX = 360
_PANEL_GAP_PX = 8

# Variables that would select another farm, or prevent access to the demo's farm.
_NOT_INHERITED = frozenset(
    f"IMPASTO_{name}"
    for name in ("API_URL", "API_KEY", "AUTH", "DATABASE_URL", "STORAGE_URL")
)


def run_demo(folder: Path) -> int:
    """Run the sample job, save its pictures in `folder`, and return an exit code.

    The last line on stdout says `demo: succeeded in <seconds> s: <path>`, or
    `demo: failed: <why>`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = _isolated_environment(os.environ)
    home = Path(tempfile.mkdtemp(prefix="farm-", dir=folder.resolve()))
    started = time.monotonic()
    try:
        with raise_on_stop_signals():
            fetch_missing_weights(environment, print_message)
            path = _run_job(FarmConfig(home, "all", 0, environment), folder)
    except KeyboardInterrupt:
        print_line("demo: failed: interrupted")
        return INTERRUPTED
    except (ImpastoError, OSError) as error:
        _print_error(error)
        print_line(f"demo: failed: {_first_line(error)} (logs: {home / 'logs'})")
        return ERROR
    shutil.rmtree(home)
    seconds = time.monotonic() - started
    print_line(f"demo: succeeded in {seconds:.1f} s: {path}")
    return OK


def _isolated_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in inherited.items() if name not in _NOT_INHERITED
    }


def _run_job(config: FarmConfig, folder: Path) -> Path:
    """Run the farm and the job; return the picture's path once the farm has stopped."""
    print_message("demo: starting a farm")
    with (
        run_farm(config, print_message) as farm,
        Client(farm.url, sleep=farm.supervise) as client,
    ):
        job = client.jobs.submit(CONTENT, [STYLE], params=PARAMS, name="demo")
        print_message(f"demo: submitted {job.id} to {farm.url}")
        follow_job(client.jobs, job.id)
        picture = client.jobs.download(job.id, folder / "generated.png")
    triptych = save_triptych((CONTENT, STYLE, picture), folder / "triptych.jpg", CREDIT)
    print_message(f"demo: content | style | generated: {triptych}")
    print_message(f"demo: {CREDIT}")
    return picture


def _print_error(error: Exception) -> None:
    if isinstance(error, ImpastoError):
        for line in error_lines(error):
            print_message(line)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def save_triptych(pictures: Sequence[Path], path: Path, credit: str) -> Path:
    """Scale the pictures to one height, and save them in a row on white.

    Args:
        pictures: Paths of the pictures, left to right.
        path: Where to save the row; its ending chooses the format.
        credit: Owners of the pictures, in ASCII; saved as the EXIF tag Copyright.

    Returns:
        `path`.
    """
    panels = [_panel(picture) for picture in pictures]
    width = sum(panel.width for panel in panels) + _PANEL_GAP_PX * (len(panels) - 1)
    canvas = Image.new("RGB", (width, _PANEL_HEIGHT_PX), "white")
    left = 0
    for panel in panels:
        canvas.paste(panel, (left, 0))
        left += panel.width + _PANEL_GAP_PX
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = credit
    canvas.save(path, quality=92, exif=exif)
    return path


def _panel(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    width = round(picture.width * _PANEL_HEIGHT_PX / picture.height)
    return picture.resize((width, _PANEL_HEIGHT_PX), Image.Resampling.LANCZOS)
