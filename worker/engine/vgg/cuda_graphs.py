"""CUDA graphs: a fixed sequence of work, recorded once and replayed as a whole.

Launching a hundred kernels one by one takes longer than small pictures need. Recorded
work must have fixed shapes and read nothing back: an untiled evaluation of Gram losses
has, one of Wasserstein losses has not (its eigenvalues are checked on the way).

`record_on_cuda` has never run on a device; `make gpu-check` does so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Outputs = tuple[Tensor, ...]
    Record = Callable[[Callable[[], Outputs]], "CapturedGraph"]


class CapturedGraph(NamedTuple):
    """Work that reads and writes the same memory each time.

    Attributes:
        replay: Does it again.
        outputs: Where its results appear.
    """

    replay: Callable[[], None]
    outputs: Outputs


class GraphedCallable:
    """Evaluates a function of a tensor by replaying what it did the first time.

    Holds no function: one that holds this object would never be freed in time.

    Args:
        record: How to record.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._input: Tensor | None = None
        self._recording: CapturedGraph | None = None

    def run(self, function: Callable[[Tensor], Outputs], argument: Tensor) -> Outputs:
        """Return function(argument), in memory of the caller's own.

        Args:
            function: The same at every call.
            argument: Of the same shape at every call.
        """
        if self._input is None or self._recording is None:
            self._input = fixed = argument.clone()
            self._recording = self._record(lambda: function(fixed))
        self._input.copy_(argument)
        self._recording.replay()
        return tuple(each.clone() for each in self._recording.outputs)


def capture_cuda_graph(function: Callable[[], Outputs]) -> CapturedGraph:
    """Record what `work` does on the current CUDA device.

    It runs once before, on another stream, as torch's manual asks: libraries allocate
    and choose their kernels at first use. Recording alone computes nothing.
    """
    here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        function()
    here.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = function()
    return CapturedGraph(graph.replay, outputs)
