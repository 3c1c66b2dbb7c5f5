"""The trained networks: where they come from, where they lie, whether they are whole.

`load` never touches the network; `python -m worker.weights fetch` brings the file.
"""

from __future__ import annotations

from worker.weights.networks import default_folder, weights_path
from worker.weights.verified import digest, load

__all__ = ["default_folder", "digest", "load", "weights_path"]
