"""Start of a measured run of Impasto's engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from shared.settings import Settings
from worker.devices.networks import network_from_weights
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.tensors import to_tensor
from worker.engine.transfer import stylize
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.engine.measured_process import Task
    from shared.params.style import StyleParams
    from worker.engine.snapshot import Iterate

_CPU = torch.device("cpu")


def start_run(task: Task, params: StyleParams) -> Iterator[Iterate]:
    """Load weights and pictures as a worker does, and start the engine."""
    tensors = load_weights(params.network, Path(task.weights))
    told = {"cpu_precision": task.precision, "cpu_convolution": "direct"}
    settings = Settings.model_validate(told)
    network = network_from_weights(params.network, tensors, _CPU, settings)
    photo, painting = (
        to_tensor(Image.open(path).convert("RGB"), _CPU)
        for path in (task.photo, task.painting)
    )
    return stylize(TransferInputs(photo, (Style(painting),)), params, network)
