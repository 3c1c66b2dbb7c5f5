"""Result files of an exploration: a contact sheet per layer, and the patches as JSON.

A sheet shows what activates the units of a layer, after Zeiler & Fergus (2013).
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from worker.engine.vgg.receptive_field import compute_receptive_field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.params.explore import ExploreParams
    from worker.engine.activation_patches import UnitPatches
    from worker.engine.vgg.receptive_field import Box

PATCHES_FILE = "patches.json"


@dataclass(frozen=True, slots=True)
class SheetFile:
    """Result file to store; `size` is (width, height) in px if it is a picture."""

    name: str
    data: bytes
    media_type: str
    size: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class PatchTiles:
    """Tiles cut from the pictures of an exploration.

    Attributes:
        tiles: Scaled tiles, by index of their picture and box in it.
        image_sizes: (width, height) in px of the processed pictures, by index.
    """

    tiles: dict[tuple[int, Box], Image.Image]
    image_sizes: dict[int, tuple[int, int]]


def contact_sheet_files(
    params: ExploreParams, units: Sequence[UnitPatches], patch_tiles: PatchTiles
) -> Iterator[SheetFile]:
    """Draw the sheets one by one, then write the patches as JSON.

    Equal units give equal bytes, since the files do not depend on the attempt.
    """
    for layer in params.layers:
        sheet = draw_layer_sheet(params, layer, units, patch_tiles)
        yield SheetFile(f"{layer}.png", encode_png(sheet), "image/png", sheet.size)
    patches = json.dumps(_patches_json(params, units, patch_tiles), indent=1)
    yield SheetFile(PATCHES_FILE, patches.encode(), "application/json")


def draw_layer_sheet(
    params: ExploreParams,
    layer: str,
    units: Sequence[UnitPatches],
    patch_tiles: PatchTiles,
) -> Image.Image:
    """Draw the contact sheet of one layer."""
    side = compute_receptive_field(params.network, layer).size
    pictures = f"{len(params.pictures)} pictures"
    title = f"{params.network} {layer}: {side} x {side} px of {pictures}"
    blocks = [_block(unit, patch_tiles) for unit in units if unit.layer == layer]
    return draw_sheet(title, blocks, params.patches)


def _block(unit: UnitPatches, patch_tiles: PatchTiles) -> UnitBlock:
    strongest = max((patch.activation for patch in unit.patches), default=0.0)
    tiles = [patch_tiles.tiles[patch.picture, patch.box] for patch in unit.patches]
    return UnitBlock(unit.channel, strongest, tiles)


def _patches_json(
    params: ExploreParams, units: Sequence[UnitPatches], patch_tiles: PatchTiles
) -> dict[str, Any]:
    return {
        "network": params.network,
        "pooling": params.pooling,
        "layers": {
            layer: compute_receptive_field(params.network, layer)._asdict()
            for layer in params.layers
        },
        "pictures": [
            {
                "picture": index,
                "asset_id": params.pictures[index],
                "width": width,
                "height": height,
            }
            for index, (width, height) in patch_tiles.image_sizes.items()
        ],
        "patches": [
            {"layer": unit.layer, "unit": unit.channel, **asdict(patch)}
            for unit in units
            for patch in unit.patches
        ],
    }


TILE_PX = 72  # side of a shown patch, whatever its original size
_TILE_GAP_PX = 2
_BLOCK_GAP_PX = 18
_TITLE_PX = 40
_LABEL_PX = 20
_TITLE_FONT_PX, _LABEL_FONT_PX = 18, 13
_OUTSIDE = (128, 128, 128)  # area of a receptive field outside its picture
_EMPTY = (238, 238, 238)  # place of a missing patch
_INK, _PAPER = (30, 30, 30), (255, 255, 255)
_INTEGER_FROM = 100  # larger activations are shown without decimals
_NEAREST_PX = 12  # smaller patches are enlarged without smoothing


@dataclass(frozen=True, slots=True)
class UnitBlock:
    """Tiles of one unit, cut by `cut_tile`, the strongest first.

    Attributes:
        unit: Number of the unit.
        strongest: Greatest activation; 0 if no picture activates the unit.
        tiles: Tiles, at most as many as the sheet shows per unit.
    """

    unit: int
    strongest: float
    tiles: Sequence[Image.Image]


def cut_tile(picture: Image.Image, box: Box) -> Image.Image:
    """Cut a square and scale it to a tile; gray where it lies outside the picture."""
    left, top, right, bottom = box
    patch = Image.new("RGB", (right - left, bottom - top), _OUTSIDE)
    patch.paste(picture, (-left, -top))
    kernel = Image.Resampling.LANCZOS
    if patch.width <= _NEAREST_PX:
        kernel = Image.Resampling.NEAREST
    return patch.resize((TILE_PX, TILE_PX), kernel)


def draw_sheet(title: str, blocks: Sequence[UnitBlock], patches: int) -> Image.Image:
    """Draw the blocks of a layer's units in a grid that is nearly square.

    Args:
        title: Text above the blocks.
        blocks: Blocks, one per unit, in the order in which they are shown.
        patches: Number of tiles in each block.
    """
    across = math.ceil(math.sqrt(len(blocks)))
    down = math.ceil(len(blocks) / across)
    side = math.ceil(math.sqrt(patches))
    width = side * (TILE_PX + _TILE_GAP_PX) - _TILE_GAP_PX + _BLOCK_GAP_PX
    height = math.ceil(patches / side) * (TILE_PX + _TILE_GAP_PX) - _TILE_GAP_PX
    height += _LABEL_PX + _BLOCK_GAP_PX
    font = ImageFont.load_default(_TITLE_FONT_PX)
    # A sheet may be narrower than its title.
    title_width = math.ceil(font.getlength(title)) + _BLOCK_GAP_PX
    size = (max(across * width, title_width) + _BLOCK_GAP_PX, _TITLE_PX + down * height)
    sheet = Image.new("RGB", size, _PAPER)
    ImageDraw.Draw(sheet).text((_BLOCK_GAP_PX, 10), title, _INK, font)
    for number, block in enumerate(blocks):
        row, column = divmod(number, across)
        corner = (_BLOCK_GAP_PX + column * width, _TITLE_PX + row * height)
        _draw_block(sheet, corner, block, patches)
    return sheet


def encode_png(sheet: Image.Image) -> bytes:
    """Encode a sheet as PNG."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _draw_block(
    sheet: Image.Image, corner: tuple[int, int], block: UnitBlock, patches: int
) -> None:
    left, top = corner
    label = f"unit {block.unit}   {_activation_label(block)}"
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top), label, _INK, ImageFont.load_default(_LABEL_FONT_PX))
    side = math.ceil(math.sqrt(patches))
    empty = Image.new("RGB", (TILE_PX, TILE_PX), _EMPTY)
    for number in range(patches):
        row, column = divmod(number, side)
        tile = block.tiles[number] if number < len(block.tiles) else empty
        x, y = (index * (TILE_PX + _TILE_GAP_PX) for index in (column, row))
        sheet.paste(tile, (left + x, top + _LABEL_PX + y))


def _activation_label(block: UnitBlock) -> str:
    if not block.tiles:
        return "never excited"
    digits = ",.0f" if block.strongest >= _INTEGER_FROM else ".3g"
    return f"up to {block.strongest:{digits}}"
