"""What an exploration found, as files: a contact sheet per layer, places as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from worker.engine.receptive import receptive_field
from worker.sheets import Block, as_png, draw_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import Image

    from shared.exploring import ExploreParams
    from worker.engine.exploring import Unit
    from worker.engine.receptive import Box

PLACES = "patches.json"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be stored; `size` is (width, height) in px of a picture."""

    name: str
    data: bytes
    media_type: str
    size: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Cuttings:
    """What is left of the pictures.

    Attributes:
        tiles: Patches as shown, by index of their picture and box in it.
        sizes: (width, height) in px of the pictures as looked at, by index.
    """

    tiles: dict[tuple[int, Box], Image.Image]
    sizes: dict[int, tuple[int, int]]


def files_of(
    params: ExploreParams, units: Sequence[Unit], cuttings: Cuttings
) -> Iterator[File]:
    """Draw the sheets one by one, and write down the places.

    The same findings give the same bytes: nothing of the attempt is in them.
    """
    for layer in params.layers:
        sheet = sheet_of(params, layer, units, cuttings)
        yield File(f"{layer}.png", as_png(sheet), "image/png", sheet.size)
    places = json.dumps(_places(params, units, cuttings), indent=1)
    yield File(PLACES, places.encode(), "application/json")


def sheet_of(
    params: ExploreParams, layer: str, units: Sequence[Unit], cuttings: Cuttings
) -> Image.Image:
    """Draw the contact sheet of one layer."""
    side = receptive_field(params.network, layer).size
    of_whom = f"{len(params.pictures)} pictures"
    title = f"{params.network} {layer}: {side} x {side} px of {of_whom}"
    blocks = [_block(unit, cuttings) for unit in units if unit.layer == layer]
    return draw_sheet(title, blocks, params.patches)


def _block(unit: Unit, cuttings: Cuttings) -> Block:
    strongest = max((patch.activation for patch in unit.patches), default=0.0)
    tiles = [cuttings.tiles[patch.picture, patch.box] for patch in unit.patches]
    return Block(unit.number, strongest, tiles)


def _places(
    params: ExploreParams, units: Sequence[Unit], cuttings: Cuttings
) -> dict[str, Any]:
    return {
        "network": params.network,
        "pooling": params.pooling,
        "layers": {
            layer: receptive_field(params.network, layer)._asdict()
            for layer in params.layers
        },
        "pictures": [
            {
                "picture": index,
                "asset_id": params.pictures[index],
                "width": width,
                "height": height,
            }
            for index, (width, height) in cuttings.sizes.items()
        ],
        "patches": [
            {"layer": unit.layer, "unit": unit.number, **asdict(patch)}
            for unit in units
            for patch in unit.patches
        ],
    }
