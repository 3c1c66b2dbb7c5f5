"""What an exploration found, as files: a contact sheet per layer, places as JSON.

Contact sheets of what excites the units of a layer, after Zeiler & Fergus (2013).
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from worker.engine.vgg.receptive_field import receptive_field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.params.explore import ExploreParams
    from worker.engine.activation_patches import Unit
    from worker.engine.vgg.receptive_field import Box

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


TILE_PX = 72  # side of a patch as shown, whatever its own
_TILE_GAP_PX = 2
_BLOCK_GAP_PX = 18
_TITLE_PX = 40
_LABEL_PX = 20
_TITLE_FONT_PX, _LABEL_FONT_PX = 18, 13
_OUTSIDE = (128, 128, 128)  # of a picture that a field reaches beyond
_FREE = (238, 238, 238)  # a patch that is not there
_INK, _PAPER = (30, 30, 30), (255, 255, 255)
_WHOLE_FROM = 100  # activations from here on are shown without decimals
_COARSE_PX = 12  # below it single pixels are what there is to see


@dataclass(frozen=True, slots=True)
class Block:
    """The patches of one unit, cut by `cut`, the strongest first.

    Attributes:
        unit: Its number.
        strongest: Its greatest activation; 0 if no picture excites it.
        tiles: At most as many as the sheet has room for per unit.
    """

    unit: int
    strongest: float
    tiles: Sequence[Image.Image]


def cut(picture: Image.Image, box: Box) -> Image.Image:
    """Cut a square and scale it to a tile; gray where it lies outside the picture."""
    left, top, right, bottom = box
    patch = Image.new("RGB", (right - left, bottom - top), _OUTSIDE)
    patch.paste(picture, (-left, -top))
    kernel = Image.Resampling.LANCZOS
    if patch.width <= _COARSE_PX:
        kernel = Image.Resampling.NEAREST
    return patch.resize((TILE_PX, TILE_PX), kernel)


def draw_sheet(title: str, blocks: Sequence[Block], patches: int) -> Image.Image:
    """Lay out the blocks of a layer's units, as nearly as many across as down.

    Args:
        title: Stands above.
        blocks: One per unit, in the order they are shown.
        patches: Room for so many in each block.
    """
    across = math.ceil(math.sqrt(len(blocks)))
    down = math.ceil(len(blocks) / across)
    side = math.ceil(math.sqrt(patches))
    width = side * (TILE_PX + _TILE_GAP_PX) - _TILE_GAP_PX + _BLOCK_GAP_PX
    height = math.ceil(patches / side) * (TILE_PX + _TILE_GAP_PX) - _TILE_GAP_PX
    height += _LABEL_PX + _BLOCK_GAP_PX
    font = ImageFont.load_default(_TITLE_FONT_PX)
    needed = math.ceil(font.getlength(title)) + _BLOCK_GAP_PX  # a sheet may be narrow
    size = (max(across * width, needed) + _BLOCK_GAP_PX, _TITLE_PX + down * height)
    sheet = Image.new("RGB", size, _PAPER)
    ImageDraw.Draw(sheet).text((_BLOCK_GAP_PX, 10), title, _INK, font)
    for number, block in enumerate(blocks):
        row, column = divmod(number, across)
        corner = (_BLOCK_GAP_PX + column * width, _TITLE_PX + row * height)
        _draw_block(sheet, corner, block, patches)
    return sheet


def as_png(sheet: Image.Image) -> bytes:
    """Encode a sheet."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_block(
    sheet: Image.Image, corner: tuple[int, int], block: Block, patches: int
) -> None:
    left, top = corner
    label = f"unit {block.unit}   {_reached(block)}"
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top), label, _INK, ImageFont.load_default(_LABEL_FONT_PX))
    side = math.ceil(math.sqrt(patches))
    free = Image.new("RGB", (TILE_PX, TILE_PX), _FREE)
    for number in range(patches):
        row, column = divmod(number, side)
        tile = block.tiles[number] if number < len(block.tiles) else free
        x, y = (place * (TILE_PX + _TILE_GAP_PX) for place in (column, row))
        sheet.paste(tile, (left + x, top + _LABEL_PX + y))


def _reached(block: Block) -> str:
    if not block.tiles:
        return "never excited"
    digits = ",.0f" if block.strongest >= _WHOLE_FROM else ".3g"
    return f"up to {block.strongest:{digits}}"
