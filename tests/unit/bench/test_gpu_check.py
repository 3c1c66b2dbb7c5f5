"""What of `make gpu-check` runs without a GPU: saying so, and the clockwork."""

from __future__ import annotations

import pytest
import torch

from bench.gpu_check import LOSSES, Variant, list_variants, run_tests, time_iterations
from tests.support.forked_process import run_program
from tests.unit.worker.engine.conftest import random_weights
from worker.devices.device import list_devices
from worker.engine.vgg.network import build_network

GPU_CHECK = "import runpy; runpy.run_module('bench.gpu_check', run_name='__main__')"


@pytest.mark.skipif(list_devices()[0].device_class != "cpu", reason="a GPU is here")
@pytest.mark.parametrize("options", [[], ["--is-there"]])
def test_without_a_gpu_it_says_so_and_fails(options):
    done = run_program(GPU_CHECK, *options)

    assert done.returncode == 1
    assert "neither a CUDA nor an MPS device" in done.stderr
    assert not done.stdout


def test_the_clockwork_runs_on_the_cpu():
    weights = {name: each.float() for name, each in random_weights("vgg16").items()}

    network = build_network("vgg16", weights, torch.device("cpu"))

    for style_loss in LOSSES:
        assert time_iterations(network, 64, style_loss).seconds > 0
    assert time_iterations(network, 64, content_loss="relations").seconds > 0


def test_a_device_without_cuda_is_timed_in_float32_alone():
    found = list_variants(torch.device("mps"))

    assert found == [
        *(Variant(style_loss, "float32", False) for style_loss in LOSSES),
        Variant("gram", "float32", False, "relations"),
    ]


@pytest.mark.skipif(list_devices()[0].device_class != "cpu", reason="a GPU is here")
def test_tests_that_were_skipped_do_not_count_as_passed(capfd):
    assert not run_tests("cuda")
    assert "cuda is required here" in capfd.readouterr().out
