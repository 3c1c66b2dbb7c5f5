"""`python -m docs.scripts.draw_layer_sheets`: draw the sheets of docs/layers.md.

The sheets are those of `impasto explore` for the shipped photos, with units chosen by
eye.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from shared.images.inspect import decode_rgb
from shared.params.explore import ExploreParams
from worker.attempts.contact_sheets import PatchTiles, cut_tile, draw_layer_sheet
from worker.engine.activation_patches import find_activation_patches, select_units
from worker.engine.images.tensors import to_tensor
from worker.engine.vgg.network import build_network
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL import Image

    from worker.engine.activation_patches import UnitPatches
    from worker.engine.vgg.network import Network

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "docs" / "pictures"

# A layer of each block, with units that are typical of it.
UNITS: dict[str, tuple[int, ...]] = {
    "relu1_1": (51, 10, 45, 59, 19, 25),
    "relu2_2": (79, 99, 24, 101, 31, 119),
    "relu3_3": (95, 60, 128, 196, 44, 166),
    "relu4_2": (466, 488, 339, 62, 478, 12),
    "relu5_1": (104, 26, 436, 84, 323, 261),
}


def main() -> None:
    """Draw every sheet, which takes about a minute."""
    tensors = load_weights("vgg16", default_folder())
    network = build_network("vgg16", tensors, torch.device("cpu"))
    photos = [
        decode_rgb(path.read_bytes())
        for path in sorted((_ROOT / "samples" / "photos").glob("*.jpg"))
    ]
    for layer, units in UNITS.items():
        params = ExploreParams(layers=(layer,), units=units)
        params = params.with_pictures([str(number) for number in range(len(photos))])
        sheet = draw_layer_sheet(params, layer, *_found(params, photos, network))
        sheet.save(_FOLDER / f"layer_{layer}.jpg", quality=85)


def _found(
    params: ExploreParams, photos: list[Image.Image], network: Network
) -> tuple[list[UnitPatches], PatchTiles]:
    pictures = (to_tensor(photo, network.device) for photo in photos)
    *_, last = find_activation_patches(pictures, params, network)
    units = select_units(last.top_activations, params)
    return units, _cuttings(units, photos)


def _cuttings(units: Iterable[UnitPatches], photos: list[Image.Image]) -> PatchTiles:
    tiles = {
        (patch.picture, patch.box): cut_tile(photos[patch.picture], patch.box)
        for unit in units
        for patch in unit.patches
    }
    return PatchTiles(tiles, {})


if __name__ == "__main__":
    main()
