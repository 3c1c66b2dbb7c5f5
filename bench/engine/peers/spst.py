"""Driver of bgalerne/scaling_painting_style_transfer: a checkout, its script unchanged.

It loads VGG-19 with a file of Gatys' weights. The driver leaves out the convolutions
that VGG-16 lacks, and uses the weights of all engines in this benchmark, in Caffe's
units, which fit its preprocessing. Its waiting for a GPU is left out on a CPU.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench.engine.peers.cut import cut_lbfgs

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task

_SCRIPT = "spst.py"
_MODES = {
    600: "spst-fast",
    10: "debug",
}  # its modes by the iterations of the first scale
_LEFT_OUT = ("conv3_4", "conv4_4", "conv5_2", "conv5_3", "conv5_4")


def work(task: Task, clock: Stopwatch) -> dict[str, Any]:
    """Run it; `task.iterations` are those of its first scale.

    This is the only scale if the short side is at most 1023 px.
    """
    results = Path(task.folder) / "results"
    shutil.rmtree(results, ignore_errors=True)
    sys.path.insert(0, task.source)
    import vgg_gatys  # noqa: PLC0415 - part of the checkout

    _leave_out_layers(vgg_gatys.VGG)
    torch.cuda.synchronize = lambda *_: None
    options = {
        "content": task.photo,
        "style": task.painting,
        "results_root_dir": str(results),
        "iterations_mode": _MODES[task.iterations[0]],
    }
    words = [word for name, value in options.items() for word in ("--" + name, value)]
    sys.argv = [_SCRIPT, *words]
    os.chdir(task.weights)
    with cut_lbfgs(task, clock, "postp") as counted:
        runpy.run_path(str(Path(task.source) / _SCRIPT), run_name="__main__")
        pictures = results.glob("*/result_sc_*.png")  # one per scale
        max(pictures, key=lambda path: path.stat().st_mtime).replace(task.picture)
    return counted


def _leave_out_layers(network: Any) -> None:
    """Make networks of this class leave out the layers that VGG-16 lacks."""
    build = network.__init__

    def build_less(self: Any) -> None:
        build(self)
        for name in _LEFT_OUT:
            setattr(self, name, torch.nn.Identity())

    network.__init__ = build_less
