"""What of `make gpu-check` runs without a GPU: saying so, and the clockwork."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch

from bench.gpu_check import (
    LOSSES,
    Variant,
    list_variants,
    main,
    run_tests,
    time_iterations,
)
from tests import conftest
from tests.unit.worker.engine.conftest import random_weights
from worker.devices.device import list_devices
from worker.engine.vgg.network import build_network


@pytest.mark.skipif(list_devices()[0].device_class != "cpu", reason="a GPU is here")
@pytest.mark.parametrize("options", [[], ["--is-there"]])
def test_without_a_gpu_it_says_so_and_fails(monkeypatch, capsys, options):
    monkeypatch.setattr("sys.argv", ["gpu-check", *options])

    assert main() == 1
    said = capsys.readouterr()
    assert "neither a CUDA nor an MPS device" in said.err
    assert not said.out


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


@pytest.mark.parametrize(
    ("device_class", "required"), [("cuda", "weights,gpu,cuda"), ("mps", "weights,gpu")]
)
def test_tests_that_were_skipped_do_not_count_as_passed(
    monkeypatch, request, device_class, required
):
    run = Mock(return_value=Mock(returncode=1))
    monkeypatch.setattr("bench.gpu_check.subprocess.run", run)

    assert not run_tests(device_class)

    assert run.call_args.kwargs["env"]["IMPASTO_TEST_REQUIRE"] == required
    monkeypatch.setattr(conftest, "REQUIRED", {*required.split(",")})
    outcomes = (pytest.fail.Exception, pytest.skip.Exception)
    with pytest.raises(outcomes, match="gpu is required here"):
        conftest.missing(request, "gpu", "no such device")
