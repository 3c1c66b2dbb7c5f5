"""Driver of PyTorch's neural transfer tutorial: a checkout, its functions unchanged.

The script reads two fixed pictures, at 128 px without a GPU, and shows windows. So the
driver runs only its imports and definitions, and calls them as its last lines do. It
uses the VGG-16 of all engines in this benchmark.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torchvision.transforms import functional as TF

from bench.engine.peers.weights import vgg16

if TYPE_CHECKING:
    from torch import Tensor

    from bench.engine.measured_process import Stopwatch, Task

SCRIPT = "advanced_source/neural_style_tutorial.py"
_STEPS = 20  # evaluations between two checks of the limit: one call of torch's L-BFGS


def work(task: Task, _: Stopwatch) -> dict[str, Any]:
    """Run it; `task.iterations` is the number of evaluations, a multiple of 20."""
    tutorial = _definitions(Path(task.source) / SCRIPT)
    network = vgg16(Path(task.weights)).eval()
    photo, painting = _tensor(task.photo), _tensor(task.painting)
    result = tutorial["run_style_transfer"](
        network,
        torch.tensor([0.485, 0.456, 0.406]),
        torch.tensor([0.229, 0.224, 0.225]),
        photo,
        painting,
        photo.clone(),
        num_steps=task.iterations[0] - 1,
    )
    TF.to_pil_image(result.detach()[0]).save(task.picture)
    return {"evaluations": -(-task.iterations[0] // _STEPS) * _STEPS}


def _definitions(path: Path) -> dict[str, Any]:
    """Run only the imports, functions, classes and defaults of a script."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if _is_definition(node)]
    names: dict[str, Any] = {"device": torch.device("cpu")}
    exec(compile(tree, str(path), "exec"), names)  # noqa: S102 - code of the chosen peer
    return names


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(not alias.name.startswith("matplotlib") for alias in node.names)
    if isinstance(node, ast.Assign):
        return all(ast.unparse(name).endswith("_default") for name in node.targets)
    return isinstance(node, ast.ImportFrom | ast.FunctionDef | ast.ClassDef)


def _tensor(path: str) -> Tensor:
    tensor: Tensor = TF.to_tensor(Image.open(path).convert("RGB"))[None]
    return tensor
