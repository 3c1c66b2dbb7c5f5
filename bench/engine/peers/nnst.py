"""Driver of nkolkin13/NeuralNeighborStyleTransfer: a checkout, with its code unchanged.

It loads VGG-16 from torchvision; the driver replaces it by the one of all engines in
this benchmark. Its last step, which changes the colors, is left out, since only the
matching is compared.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
import torchvision
from PIL import Image

from bench.engine.peers.weights import vgg16
from worker.engine.images.tensors import to_pil_image, to_tensor

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task

_LEARNING_RATE = 2e-3  # value in its styleTransfer.py
_CONTENT_WEIGHT = 0.25
_SCALES = 4
_CPU = torch.device("cpu")


def work(task: Task, _: Stopwatch) -> dict[str, Any]:
    """Run it; `task.iterations` are those of each of its five passes."""
    random.seed(0)
    torch.manual_seed(0)
    features = vgg16(Path(task.weights))
    torchvision.models.vgg16 = lambda **_: SimpleNamespace(features=features)
    files = ModuleType("imageio")  # the driver reads and writes the files
    files.imread = files.imwrite = None  # type: ignore[attr-defined]
    sys.modules["imageio"] = files
    sys.path.insert(0, task.source)
    from pretrained.vgg import Vgg16Pretrained  # noqa: PLC0415 - part of the checkout
    from utils import misc, stylize  # noqa: PLC0415

    misc.USE_GPU = False
    network = Vgg16Pretrained()
    photo, painting = (
        to_tensor(Image.open(path).convert("RGB"), _CPU)
        for path in (task.photo, task.painting)
    )
    picture = stylize.produce_stylization(
        photo,
        painting,
        lambda image, layers, joined: network.forward(
            image, inds=layers, concat=joined
        ),
        max_iter=task.iterations[0],
        lr=_LEARNING_RATE,
        content_weight=_CONTENT_WEIGHT,
        max_scls=_SCALES,
        flip_aug=True,
        dont_colorize=True,
    )
    to_pil_image(picture.detach().clamp(0, 1)).save(task.picture)
    return {"evaluations": 5 * task.iterations[0]}
