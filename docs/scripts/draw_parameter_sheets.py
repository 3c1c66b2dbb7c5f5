"""`python -m docs.scripts.draw_parameter_sheets`: draw parameters.md's and losses.md's.

Sheets of parameters.md have one photo and one painting; one parameter changes from
picture to picture. Arguments are names of sheets; without arguments, all are drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch
from PIL import Image, ImageDraw, ImageOps

from shared.images.inspect import decode_rgb
from shared.params.style import ContentLoss, StyleLoss, StyleParams
from shared.settings import Settings
from worker.devices.networks import network_from_weights
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.tensors import to_pil_image, to_tensor
from worker.engine.transfer import stylize
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from worker.engine.vgg.network import Network

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "docs" / "pictures"
_GAP_PX = 6
_BASE: dict[str, Any] = {"max_edge": 256, "quality": "draft"}
_PAINTING = "strokes.jpg"
_OTHER_PAINTING = "waves.jpg"

SHEETS: dict[str, list[dict[str, Any]]] = {
    "style_weight": [{"style_weight": weight} for weight in (1, 10, 60)],
    "content_layers": [
        {"content_layers": {layer: 1}} for layer in ("relu2_2", "relu4_2", "relu5_2")
    ],
    "style_layers": [
        {"style_layers": {"relu1_1": 1, "relu2_1": 1}},
        {},
        {"style_layers": {"relu4_1": 1, "relu5_1": 1}},
    ],
    "style_loss_and_pooling": [
        {},
        {"style_loss": "wasserstein"},
        {"style_loss": "neighbors"},
        {"pooling": "average"},
    ],
    "color": [
        {"color": color} for color in ("style", "luminance", "chroma", "histogram")
    ],
    "style_scale": [{"style_scale": scale} for scale in (0.5, 1, 2)],
    "tv_weight": [{"tv_weight": weight} for weight in (0, 0.2, 10)],
    "init": [{"init": "content"}, {"init": "noise"}],
    "quality": [{"quality": name} for name in ("draft", "standard", "fine")],
    "masks": [{"mask_feather": feather} for feather in (0, 0.02, 0.2)],
    "seamless": [{"seamless": False}, {"seamless": True}],
}
PAIRS = (
    ("tubingen.jpg", "starry_night.jpg"),
    ("photos/astronaut-1.jpg", "strokes.jpg"),
    ("chelsea.jpg", "mosaic.jpg"),
    ("coffee.jpg", "waves.jpg"),
)
# Sheets of losses.md, one pair in each row: a parameter, its values, the pairs.
LOSSES: dict[str, tuple[str, Sequence[str], Sequence[tuple[str, str]]]] = {
    "style_losses": ("style_loss", get_args(StyleLoss), PAIRS),
    "content_losses": ("content_loss", get_args(ContentLoss), PAIRS[:2]),
}

# Label maps of the first pair, drawn by hand: what is not in a shape is sky. Corners as
# shares of width and height; a later shape covers an earlier one.
LABELS = "label_maps"
_SKY, _GROUND, _TREE = 0, 1, 2
_LABEL_COLORS = ((70, 110, 220), (200, 60, 60), (40, 140, 60))
_Shape = tuple[int, tuple[tuple[float, float], ...]]
_PHOTO_SHAPES: tuple[_Shape, ...] = (
    (
        _GROUND,
        (
            *((0, 1), (0, 0.5), (0.15, 0.48), (0.26, 0.44), (0.58, 0.42)),
            *((0.63, 0.32), (0.655, 0.16), (0.68, 0.3), (0.86, 0.28)),
            *((1, 0.23), (1, 1)),
        ),
    ),
    (_TREE, ((0, 0), (0.08, 0.02), (0.16, 0.22), (0.17, 0.45), (0.1, 0.6), (0, 0.62))),
)
_PAINTING_SHAPES: tuple[_Shape, ...] = (
    (
        _GROUND,
        (
            *((0, 1), (0, 0.72), (0.35, 0.74), (0.5, 0.7), (0.72, 0.64)),
            *((0.88, 0.55), (1, 0.53), (1, 1)),
        ),
    ),
    (
        _TREE,
        (
            *((0.16, 0), (0.21, 0), (0.22, 0.3), (0.27, 0.6), (0.36, 0.95)),
            *((0.36, 1), (0, 1), (0.03, 0.8), (0.09, 0.5), (0.15, 0.25)),
        ),
    ),
)


def main(names: list[str]) -> None:
    """Draw the named sheets, or all of them, which takes some minutes."""
    tensors = load_weights("vgg16", default_folder())
    network = network_from_weights("vgg16", tensors, torch.device("cpu"), Settings())
    for name in names or (*SHEETS, *LOSSES, LABELS):
        if name == "seamless":
            photo, painting = PAIRS[0]
            pictures = [
                _tile(_paint(network, photo=photo, painting=painting, **each))
                for each in SHEETS[name]
            ]
            sheet = _side_by_side(pictures)
        elif name in SHEETS:
            masked = name == "masks"
            pictures = [_paint(network, masked=masked, **each) for each in SHEETS[name]]
            sheet = _side_by_side(pictures)
        elif name == LABELS:
            sheet = _compare_labels(network)
        else:
            field, values, pairs = LOSSES[name]
            rows = [_compare_losses(network, pair, field, values) for pair in pairs]
            sheet = _below_each_other(rows)
        sheet.save(_FOLDER / f"{name}.jpg", quality=88 if name in SHEETS else 80)


def _compare_losses(
    network: Network, pair: tuple[str, str], field: str, values: Sequence[str]
) -> Image.Image:
    """Return a row: photo, painting, and a picture for each value of a parameter."""
    photo, painting = pair
    pictures = [
        _paint(network, photo=photo, painting=painting, **{field: value})
        for value in values
    ]
    inputs = [ImageOps.fit(_open_sample(name), pictures[0].size) for name in pair]
    return _side_by_side([*inputs, *pictures])


def _compare_labels(network: Network) -> Image.Image:
    """Return two rows: photo, painting, picture, and the same with label maps."""
    photo, painting = PAIRS[0]
    names = {"photo": photo, "painting": painting, "style_loss": "neighbors"}
    maps = [
        _draw_labels(_open_sample(name).size, shapes)
        for name, shapes in ((photo, _PHOTO_SHAPES), (painting, _PAINTING_SHAPES))
    ]
    free = _paint(network, **names)
    guided = _paint(network, labels=[_to_labels(each) for each in maps], **names)
    inputs = [_open_sample(name) for name in (photo, painting)]
    rows = [
        _side_by_side([*(each.resize(free.size) for each in shown), picture])
        for shown, picture in ((inputs, free), (maps, guided))
    ]
    return _below_each_other(rows)


def _draw_labels(size: tuple[int, int], shapes: Sequence[_Shape]) -> Image.Image:
    labels = Image.new("P", size, _SKY)
    labels.putpalette([value for color in _LABEL_COLORS for value in color])
    pen = ImageDraw.Draw(labels)
    for label, corners in shapes:
        pen.polygon([(x * size[0], y * size[1]) for x, y in corners], fill=label)
    return labels


def _to_labels(drawn: Image.Image) -> Tensor:
    numbers = torch.frombuffer(bytearray(drawn.tobytes()), dtype=torch.uint8)
    return numbers.view(1, 1, drawn.height, drawn.width)


def _open_sample(name: str) -> Image.Image:
    return decode_rgb((_ROOT / "samples" / name).read_bytes())


def _paint(
    network: Network,
    *,
    masked: bool = False,
    labels: Sequence[Tensor | None] = (None, None),
    photo: str = "chelsea.jpg",
    painting: str = _PAINTING,
    **changes: Any,
) -> Image.Image:
    content, style, other = (
        to_tensor(_open_sample(name), network.device)
        for name in (photo, painting, _OTHER_PAINTING)
    )
    styles = (Style(style, labels=labels[1]),)
    if masked:
        styles = (Style(style, _left_half()), Style(other))
    both = {"styles": ({}, {})} if masked else {}
    params = StyleParams(**(_BASE | both | changes))
    inputs = TransferInputs(content, styles, labels=labels[0])
    *_, last = stylize(inputs, params, network)
    return to_pil_image(last.image)


def _left_half() -> Tensor:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :32] = 1
    return mask


def _side_by_side(pictures: list[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    step = width + _GAP_PX
    sheet = Image.new("RGB", (step * len(pictures) - _GAP_PX, height), "white")
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (number * step, 0))
    return sheet


def _tile(picture: Image.Image) -> Image.Image:
    """Return four copies without a gap."""
    width, height = picture.size
    sheet = Image.new("RGB", (2 * width, 2 * height))
    for left, top in ((0, 0), (width, 0), (0, height), (width, height)):
        sheet.paste(picture, (left, top))
    return sheet


def _below_each_other(rows: list[Image.Image]) -> Image.Image:
    width = max(row.width for row in rows)
    height = sum(row.height + _GAP_PX for row in rows) - _GAP_PX
    sheet, top = Image.new("RGB", (width, height), "white"), 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + _GAP_PX
    return sheet


if __name__ == "__main__":
    main(sys.argv[1:])
