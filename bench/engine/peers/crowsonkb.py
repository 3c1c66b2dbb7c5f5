"""Driver of crowsonkb/style-transfer-pytorch: a checkout, with its library unchanged.

It loads VGG-19 from torchvision; the driver replaces it by the VGG-16 of all engines in
this benchmark, with the same layers. Loss, optimizer and constants are unchanged.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torchvision
from PIL import Image

from bench.engine.layers import CONTENT, CONVOLUTIONS, STYLES
from bench.engine.peers.cut import Cut, is_over
from bench.engine.peers.weights import vgg16

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task


def work(task: Task, clock: Stopwatch) -> dict[str, Any]:
    """Run it; `task.iterations` has those of the first scale and of each other one."""
    first, others = task.iterations
    features = vgg16(Path(task.weights))
    torchvision.models.vgg19 = lambda **_: SimpleNamespace(features=features)
    sys.path.insert(0, task.source)
    from style_transfer import style_transfer as peer  # noqa: PLC0415 - part of the checkout

    steps: list[int] = []
    transfer = peer.StyleTransfer()
    transfer.content_layers = [_relu(CONTENT)]
    transfer.style_layers = [_relu(name) for name in STYLES]
    transfer.model = peer.VGGFeatures(transfer.style_layers + transfer.content_layers)
    photo, painting = (
        Image.open(path).convert("RGB") for path in (task.photo, task.painting)
    )

    def count(iterate: Any) -> None:
        steps.append(iterate.i)
        if is_over(task, clock):
            raise Cut

    with suppress(Cut):
        transfer.stylize(
            photo,
            [painting],
            end_scale=task.edge,
            initial_iterations=first,
            iterations=others,
            callback=count,
        )
    transfer.get_image().save(task.picture)
    return {"evaluations": len(steps)}


def _relu(name: str) -> int:
    """Return the index of a layer's ReLU, right after its convolution."""
    return CONVOLUTIONS[name] + 1
