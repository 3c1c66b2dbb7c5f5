"""Whether the network's weights are on this machine, told without loading torch."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from impasto.errors import WeightsMissing
from impasto.local.components import module_command, require_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FILE = "vgg16.safetensors"  # of the default network; others are fetched at will


def weights_folder(environment: Mapping[str, str]) -> Path:
    """Return where the workers look, by the same rule as theirs."""
    chosen = environment.get("IMPASTO_WEIGHTS_DIR")
    return Path(chosen) if chosen else user_cache_path("impasto") / "weights"


def require_weights(environment: Mapping[str, str]) -> None:
    """Check that the file is there; the worker checks that it is whole.

    Raises:
        WeightsMissing: It is not.
    """
    folder = weights_folder(environment)
    if not (folder / _FILE).exists():
        raise WeightsMissing(f"the network's weights ({_FILE}) are not in {folder}")


def fetch_missing_weights(
    environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Fetch the weights unless they are there.

    Raises:
        PartsMissing: What fetches them is not installed.
        WeightsMissing: They could not be fetched; holds the reasons.
    """
    try:
        require_weights(environment)
    except WeightsMissing as error:
        say(f"{error}: fetching them once")
    else:
        return
    require_parts("weights")
    command = module_command("worker.weights", "fetch")
    run = subprocess.run(  # noqa: S603 - our own module
        command, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise WeightsMissing((run.stdout + run.stderr).strip())
