"""CUDA graphs: a fixed sequence of kernels, captured once and replayed as a whole.

For small pictures, launching a hundred kernels one by one takes longer than their
computation. Captured work must have fixed shapes and read nothing back. This holds for
an untiled evaluation of Gram losses, not of Wasserstein losses, whose eigenvalues are
checked on the host.

`capture_cuda_graph` was never run on a device so far; `make gpu-check` runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Outputs = tuple[Tensor, ...]
    CaptureGraph = Callable[[Callable[[], Outputs]], "CapturedGraph"]


class CapturedGraph(NamedTuple):
    """Captured CUDA graph, which reads and writes the same memory at each replay.

    Attributes:
        replay: Function that does the work again.
        outputs: Tensors with the results.
    """

    replay: Callable[[], None]
    outputs: Outputs


class GraphedCallable:
    """Callable that captures a function of a tensor at first use, and then replays it.

    It does not store the function: if the function refers to this object, this would be
    a reference cycle, whose memory is freed late.

    Args:
        capture_graph: Function that captures work.
    """

    def __init__(self, capture_graph: CaptureGraph) -> None:
        self._capture_graph = capture_graph
        self._input: Tensor | None = None
        self._graph: CapturedGraph | None = None

    def run(self, function: Callable[[Tensor], Outputs], argument: Tensor) -> Outputs:
        """Return function(argument), copied out of the graph's memory.

        Args:
            function: Function to capture; the same at every call.
            argument: Argument, of the same shape at every call.
        """
        if self._input is None or self._graph is None:
            self._input = graph_input = argument.clone()
            self._graph = self._capture_graph(lambda: function(graph_input))
        self._input.copy_(argument)
        self._graph.replay()
        return tuple(output.clone() for output in self._graph.outputs)


def capture_cuda_graph(function: Callable[[], Outputs]) -> CapturedGraph:
    """Capture the work of `function` on the current CUDA device.

    The function runs once before, on another stream, as torch's manual requires:
    libraries allocate memory and choose kernels at first use. Capturing computes
    nothing.
    """
    stream, warmup_stream = torch.cuda.current_stream(), torch.cuda.Stream()
    warmup_stream.wait_stream(stream)
    with torch.cuda.stream(warmup_stream):
        function()
    stream.wait_stream(warmup_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = function()
    return CapturedGraph(graph.replay, outputs)
