"""Checks and measurements on a GPU: `make gpu-check`.

It runs the tests of tests/gpu, then measures seconds per iteration and memory, and
prints both as Markdown. The exit code is 1 if there is no GPU or a test failed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, get_args

import torch

from shared.params.style import ContentLoss, StyleLoss, StyleParams
from worker.devices.device import (
    list_devices,
    make_cuda_deterministic,
    software_versions,
)
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.transfer import stylize
from worker.engine.vgg.cuda_graphs import capture_cuda_graph
from worker.engine.vgg.network import build_network
from worker.weights.catalog import default_folder
from worker.weights.load import load_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.engine.vgg.network import Network

LOSSES: tuple[StyleLoss, ...] = get_args(StyleLoss)
SIDES = (512, 1024, 2048)
WARM_UP = 3
ITERATIONS = 10
NO_GPU = (
    "gpu-check: torch finds neither a CUDA nor an MPS device here, so nothing was "
    "checked.\nOn a machine with one, install a torch that was built for it.\n"
)
REPORT = (
    "\nPlease report all of the above: which tests failed and how, the table, and the "
    "line of versions.\nWhat it is for: docs/devices.md, under 'Never run'.\n"
)


@dataclass(frozen=True, slots=True)
class Variant:
    """Variant to measure: losses, precision of activations, use of CUDA graphs."""

    style_loss: StyleLoss
    precision: str
    graphs: bool
    content_loss: ContentLoss = "squared"


@dataclass(frozen=True, slots=True)
class Timing:
    """Measurement: median seconds of an iteration, and peak memory in MiB."""

    seconds: float
    mebibytes: float


def main() -> int:
    """Run the tests and the measurements; return 1 if there is no GPU or a failure."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--is-there", action="store_true", help="only look for a GPU")
    only_look = parser.parse_args().is_there
    device = list_devices()[0]
    if device.device_class == "cpu":
        sys.stderr.write(NO_GPU)
        return 1
    if only_look:
        return 0
    passed = run_tests(device.device_class)
    sys.stdout.write(
        f"\n{device.name}, {device.bytes >> 20} MiB, {software_versions()}\n\n"
    )
    for line in iterate_table(device.torch_device):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stdout.write(REPORT)
    return 0 if passed else 1


def run_tests(device_class: str) -> bool:
    """Run tests/gpu, where missing weights or a missing GPU are failures."""
    required = "weights,gpu,cuda" if device_class == "cuda" else "weights,gpu"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "tests/gpu"],
        env=os.environ | {"IMPASTO_TEST_REQUIRE": required},
        check=False,
    )
    return done.returncode == 0


def iterate_table(device: torch.device) -> Iterator[str]:
    """Measure every variant at every size; yield a Markdown table line by line."""
    tensors = load_weights("vgg16", default_folder())
    if device.type == "cuda":
        make_cuda_deterministic()
    names = "long side | style loss | content loss | precision | graphs"
    yield f"| {names} | seconds per iteration | peak MiB |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for side, variant in itertools.product(SIDES, list_variants(device)):
        network = build_network(
            "vgg16",
            tensors,
            device,
            precision=torch.bfloat16 if variant.precision == "bf16" else None,
            capture_graph=capture_cuda_graph if variant.graphs else None,
        )
        graphs = "on" if variant.graphs else "off"
        losses = (variant.style_loss, variant.content_loss)
        timing = _format_timing(network, side, *losses)
        words = (side, *losses, variant.precision, graphs, timing)
        yield f"| {' | '.join(map(str, words))} |"


def list_variants(device: torch.device) -> list[Variant]:
    """List the variants that the device supports."""
    if device.type != "cuda":
        return [
            *(Variant(loss, "float32", graphs=False) for loss in LOSSES),
            Variant("gram", "float32", graphs=False, content_loss="relations"),
        ]
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    precisions = ("float32", "bf16") if has_bf16 else ("float32",)
    with_relations = [
        Variant("gram", precision, graphs=False, content_loss="relations")
        for precision in precisions  # never captured
    ]
    return with_relations + [
        Variant(loss, precision, graphs)
        for loss in LOSSES
        for precision in precisions
        for graphs in (False, True)
        if loss == "gram" or not graphs  # others are never captured
    ]


def time_iterations(
    network: Network,
    side: int,
    style_loss: StyleLoss = "gram",
    content_loss: ContentLoss = "squared",
) -> Timing:
    """Run a few iterations at one size, as a job would.

    Raises:
        RuntimeError: The device has too little memory.
    """
    generator = torch.Generator().manual_seed(1)
    photo = torch.rand(1, 3, side * 3 // 4, side, generator=generator)
    style = torch.rand(1, 3, side, side, generator=generator)
    stages = ((side, WARM_UP + ITERATIONS),)
    params = StyleParams(
        max_edge=side,
        schedule=stages,
        style_loss=style_loss,
        content_loss=content_loss,
    )
    _reset_memory(network.device)
    times = []
    run = stylize(TransferInputs(photo, (Style(style),)), params, network)
    began = time.perf_counter()
    for iterate in run:
        _synchronize(network.device)
        now = time.perf_counter()
        if iterate.iteration > WARM_UP:
            times.append(now - began)
        began = now
    return Timing(median(times), _read_peak_bytes(network.device) / 2**20)


def _format_timing(
    network: Network, side: int, style_loss: StyleLoss, content_loss: ContentLoss
) -> str:
    try:
        timing = time_iterations(network, side, style_loss, content_loss)
    except RuntimeError as error:  # torch.OutOfMemoryError is one, and MPS has its own
        if "out of memory" not in str(error):
            raise
        return "out of memory | "
    return f"{timing.seconds:.4f} | {timing.mebibytes:.0f}"


def _reset_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    if device.type == "mps":
        torch.mps.empty_cache()


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
    if device.type == "mps":
        torch.mps.synchronize()


def _read_peak_bytes(device: torch.device) -> int:
    """Return the peak of reserved bytes, with CUDA graphs; on MPS the present value."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved()
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return 0


if __name__ == "__main__":
    sys.exit(main())
