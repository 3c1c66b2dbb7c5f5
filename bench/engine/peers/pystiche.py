"""Driver of pystiche from PyPI: a library, used as in its example of a style transfer.

Version 1.0.1 imports a table of URLs that torchvision removed in 0.13. The driver adds
an empty table, since nothing is downloaded. It uses VGG-16 instead of VGG-19.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional as TF

from bench.engine.layers import CONTENT, STYLES
from bench.engine.peers.weights import TORCHVISION_FILE

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.engine.measured_process import Stopwatch, Task

CONTENT_WEIGHT = 1.0  # value of the example
STYLE_WEIGHT = 1e3


def work(task: Task, _: Stopwatch) -> dict[str, Any]:
    """Run it; `task.iterations` are those of its L-BFGS, one evaluation each."""
    for name, model in (("alexnet", "alexnet"), ("vgg", "vgg16")):
        module = sys.modules[f"torchvision.models.{name}"]
        vars(module).setdefault("model_urls", {model: ""})
    from pystiche import enc, optim  # noqa: PLC0415 - needs the table

    encoder = enc.vgg16_multi_layer_encoder(pretrained=False)
    weights = torch.load(Path(task.weights) / TORCHVISION_FILE)
    encoder.load_state_dict(weights, strict=False)
    criterion = _criterion(encoder)
    photo = _tensor(task.photo)
    criterion.set_content_image(photo)
    criterion.set_style_image(_tensor(task.painting))
    steps = task.iterations[0]
    result = optim.image_optimization(photo.clone(), criterion, num_steps=steps)
    TF.to_pil_image(result[0].clamp(0, 1)).save(task.picture)
    return {"evaluations": steps, "torchvision": torchvision.__version__}


def _criterion(encoder: Any) -> Any:
    """Return the example's content and style losses."""
    from pystiche import loss  # noqa: PLC0415 - see above

    def style(layer: nn.Module, weight: float) -> Any:
        return loss.GramLoss(layer, score_weight=weight)

    return loss.PerceptualLoss(
        loss.FeatureReconstructionLoss(
            encoder.extract_encoder(CONTENT), score_weight=CONTENT_WEIGHT
        ),
        loss.MultiLayerEncodingLoss(encoder, STYLES, style, score_weight=STYLE_WEIGHT),
    )


def _tensor(path: str) -> Tensor:
    tensor: Tensor = TF.to_tensor(Image.open(path).convert("RGB"))[None]
    return tensor
