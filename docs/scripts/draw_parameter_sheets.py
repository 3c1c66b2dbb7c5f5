"""`python -m docs.scripts.draw_parameter_sheets`: draw the sheets of parameters.md.

One photo and one painting; from picture to picture, one parameter changes. Names after
the command draw only those sheets.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch
from PIL import Image, ImageOps

from shared.images.inspect import decode_rgb
from shared.params.style import StyleLoss, StyleParams
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.tensors import to_pil_image, to_tensor
from worker.engine.transfer import stylize
from worker.engine.vgg.network import build_network
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
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
}
LOSSES = "style_losses"  # a sheet of pairs, one in each row, by losses
PAIRS = (
    ("tubingen.jpg", "starry_night.jpg"),
    ("photos/astronaut-1.jpg", "strokes.jpg"),
    ("chelsea.jpg", "mosaic.jpg"),
    ("coffee.jpg", "waves.jpg"),
)


def main(names: list[str]) -> None:
    """Draw the sheets named, or every one; that takes some minutes."""
    tensors = load_weights("vgg16", default_folder())
    network = build_network("vgg16", tensors, torch.device("cpu"))
    for name in names or (*SHEETS, LOSSES):
        if name == LOSSES:
            sheet = _below_each_other([_compare_losses(network, *p) for p in PAIRS])
        else:
            masked = name == "masks"
            pictures = [_paint(network, masked=masked, **each) for each in SHEETS[name]]
            sheet = _side_by_side(pictures)
        sheet.save(_FOLDER / f"{name}.jpg", quality=80 if name == LOSSES else 88)


def _compare_losses(network: Network, photo: str, painting: str) -> Image.Image:
    """Return a row: photo, painting, and a picture for each style loss."""
    pictures = [
        _paint(network, masked=False, photo=photo, painting=painting, style_loss=loss)
        for loss in get_args(StyleLoss)
    ]
    inputs = [
        ImageOps.fit(_open_sample(name), pictures[0].size) for name in (photo, painting)
    ]
    return _side_by_side([*inputs, *pictures])


def _open_sample(name: str) -> Image.Image:
    return decode_rgb((_ROOT / "samples" / name).read_bytes())


def _paint(
    network: Network,
    *,
    masked: bool,
    photo: str = "chelsea.jpg",
    painting: str = _PAINTING,
    **changes: Any,
) -> Image.Image:
    content, style, other = (
        to_tensor(_open_sample(name), network.device)
        for name in (photo, painting, _OTHER_PAINTING)
    )
    styles = (Style(style),)
    if masked:
        styles = (Style(style, _left_half()), Style(other))
    both = {"styles": ({}, {})} if masked else {}
    params = StyleParams(**(_BASE | both | changes))
    *_, last = stylize(TransferInputs(content, styles), params, network)
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
