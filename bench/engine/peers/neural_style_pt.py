"""Driver of ProGamerGov's neural-style-pt: a checkout, or `neural-style` from PyPI.

Its command line is run unchanged with default options, except that it starts from the
photo: its default, noise, ends at a higher loss.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.engine.peers.cut import cut_lbfgs
from bench.engine.peers.weights import CAFFE_FILE

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task

_SCRIPT = "neural_style.py"
_INIT = "image"


def work(task: Task, clock: Stopwatch) -> dict[str, Any]:
    """Run its command line in this process.

    `task.iterations` are those of the first and the last saved picture. It saves one at
    every multiple of the first number; this time is measured, too. With a time limit it
    saves only one picture.
    """
    first, last = task.iterations
    began = time.time() - clock()
    options = {
        "content_image": task.photo,
        "style_image": task.painting,
        "output_image": str(task.picture),
        "image_size": task.edge,
        "num_iterations": last,
        "init": _INIT,
        "model_file": CAFFE_FILE,  # relative: numbers in a path confuse it
        "save_iter": first,
        "gpu": "c",
    }
    words = [
        str(word) for name, value in options.items() for word in ("-" + name, value)
    ]
    os.chdir(task.weights)
    # Only the classifier may be missing in the file.
    sys.argv = [_SCRIPT, *words, "-disable_check"]
    with cut_lbfgs(task, clock, "deprocess") as counted:
        if task.source:
            sys.path.insert(0, task.source)
            runpy.run_path(str(Path(task.source) / _SCRIPT), run_name="__main__")
        else:
            runpy.run_module("neural_style.neural_style", run_name="__main__")
    if task.limit_s:
        return counted
    early = task.picture.with_stem(f"{task.picture.stem}_{first}")
    return {
        "moments": [
            {
                "iteration": count,
                "seconds": path.stat().st_mtime - began,
                "picture": str(path),
            }
            for count, path in ((first, early), (last, task.picture))
        ]
    }
