"""Check that the network's weights are on this machine, without loading torch."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from impasto.errors import WeightsMissing
from impasto.local.components import module_command, require_dependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FILE = "vgg16.safetensors"  # of the default network; others are optional


def weights_folder(environment: Mapping[str, str]) -> Path:
    """Return the weights folder, by the same rule as workers."""
    folder = environment.get("IMPASTO_WEIGHTS_DIR")
    return Path(folder) if folder else user_cache_path("impasto") / "weights"


def require_weights(environment: Mapping[str, str]) -> None:
    """Check that the file of the weights exists; the worker checks its content.

    Raises:
        WeightsMissing: The file does not exist.
    """
    folder = weights_folder(environment)
    if not (folder / _FILE).exists():
        raise WeightsMissing(f"the network's weights ({_FILE}) are not in {folder}")


def fetch_missing_weights(
    environment: Mapping[str, str], report: Callable[[str], None]
) -> None:
    """Fetch the weights unless they exist.

    Raises:
        MissingDependency: The packages that fetch them are not installed.
        WeightsMissing: The weights could not be fetched; the message has the reasons.
    """
    try:
        require_weights(environment)
    except WeightsMissing as error:
        report(f"{error}: fetching them once")
    else:
        return
    require_dependencies("weights")
    command = module_command("worker.weights", "fetch")
    run = subprocess.run(  # noqa: S603 - our own module
        command, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise WeightsMissing((run.stdout + run.stderr).strip())
