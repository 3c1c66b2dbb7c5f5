"""What a worker prepares before it computes, refuses, and writes down."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from shared.settings import Settings
from tests.support.forked_process import run_program
from tests.unit.worker.engine.conftest import random_weights
from worker.devices.device import (
    compute_environment,
    configure_torch,
    cpu_device,
    cpu_has_bfloat16,
    select_precision,
)
from worker.devices.networks import network_from_weights
from worker.engine.vgg.convolution import is_winograd_available
from worker.supervisor import EXIT_UNUSABLE

# Its switches are for a whole process, so they are thrown in one of their own.
PREPARE = """
import json, torch, warnings
warnings.simplefilter("error")
from worker.devices.device import make_cuda_deterministic
make_cuda_deterministic()
print(json.dumps([
    torch.are_deterministic_algorithms_enabled(),
    torch.utils.deterministic.fill_uninitialized_memory,
    torch.backends.cudnn.deterministic,
    torch.backends.cudnn.benchmark,
    torch.backends.cudnn.allow_tf32,
    torch.backends.cuda.matmul.allow_tf32,
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
]))
"""


@pytest.fixture
def settings(tmp_path):
    def make(**changes):
        return Settings(home=tmp_path, weights_dir=tmp_path, **changes)

    return make


@pytest.fixture
def weights():
    return {name: each.float() for name, each in random_weights("vgg16").items()}


def test_on_cuda_all_that_varies_or_rounds_in_secret_is_switched_off():
    done = run_program(PREPARE, CUBLAS_WORKSPACE_CONFIG=":4096:8")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True, *[False], True, *[False] * 4]


def test_on_cuda_nothing_starts_while_cublas_may_add_up_in_any_order(
    settings, monkeypatch
):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)

    with pytest.raises(RuntimeError, match="set CUBLAS_WORKSPACE_CONFIG=:4096:8"):
        configure_torch(settings(), "cuda")


def test_the_cpu_is_left_as_it_is(settings):
    configure_torch(settings(), "cpu")

    assert not torch.are_deterministic_algorithms_enabled()


def test_bfloat16_is_refused_where_no_device_has_it(settings, monkeypatch):
    monkeypatch.setattr("worker.devices.device.make_cuda_deterministic", lambda: None)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: False)

    with pytest.raises(RuntimeError, match="CUDA_PRECISION=bf16 needs a device"):
        configure_torch(settings(cuda_precision="bf16"), "cuda")


@pytest.mark.parametrize(
    ("capabilities", "vendor", "expected"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "GenuineIntel", "bf16"),
        ({"avx512_bf16": True}, "AuthenticAMD", "bf16"),
        ({"avx512_bf16": True}, "GenuineIntel", "float32"),
        ({"avx512_f": True}, "AuthenticAMD", "float32"),
        ({"avx512_bf16": True}, None, "float32"),  # no /proc
    ],
)
def test_a_cpu_computes_in_bfloat16_where_it_is_faster(
    settings, monkeypatch, tmp_path, capabilities, vendor, expected
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities)
    monkeypatch.setattr("worker.devices.device._CPU_INFO", tmp_path / "cpuinfo")
    if vendor:
        (tmp_path / "cpuinfo").write_text(f"vendor_id\t: {vendor}\n")

    assert select_precision("cpu", settings(cpu_precision="auto")) == expected


@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this CPU has no bfloat16")
def test_where_the_cpu_has_bfloat16_its_activations_have_it_unless_told(
    settings, weights, monkeypatch
):
    monkeypatch.setattr("worker.devices.device.is_bfloat16_faster_on_cpu", lambda: True)
    for told, expected in (
        (settings(), torch.bfloat16),
        (settings(cpu_precision="bf16"), torch.bfloat16),
        (settings(cpu_precision="float32"), torch.float32),
        (settings(cpu_convolution="winograd"), torch.float32),
    ):
        configure_torch(told, "cpu")
        network = network_from_weights("vgg16", weights, torch.device("cpu"), told)

        assert (network.dtype, network.precision) == (torch.float32, expected)


def test_where_the_cpu_lacks_bfloat16_it_is_not_emulated(settings, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_f": True})

    assert select_precision("cpu", settings(cpu_precision="auto")) == "float32"
    with pytest.raises(RuntimeError, match="CPU_PRECISION=bf16 needs a CPU"):
        configure_torch(settings(cpu_precision="bf16"), "cpu")


def test_winograd_in_bfloat16_is_refused_since_there_is_no_such_kernel(settings):
    with pytest.raises(ValueError, match="winograd computes in float32"):
        settings(cpu_convolution="winograd", cpu_precision="bf16")


def test_each_device_has_its_own_precision(settings):
    told = settings(cpu_precision="float32", cuda_precision="bf16")

    found = [select_precision(device, told) for device in ("cpu", "cuda", "mps")]

    assert found == ["float32", "bf16", "float32"]


def test_a_worker_that_cannot_do_winograd_says_so_and_is_not_started_again(tmp_path):
    # A torch without NNPACK is made of one that may have it.
    program = (
        "import sys, torch;"
        "torch.backends.nnpack.is_available = lambda: False;"
        "from worker.app import main; sys.exit(main())"
    )
    done = run_program(
        program,
        IMPASTO_HOME=str(tmp_path),
        IMPASTO_CPU_CONVOLUTION="winograd",
    )

    assert done.returncode == EXIT_UNUSABLE, done.stderr
    assert "IMPASTO_CPU_CONVOLUTION=winograd needs NNPACK" in done.stdout + done.stderr


@pytest.mark.skipif(not is_winograd_available(), reason="no NNPACK in this torch")
def test_the_setting_chooses_the_convolution_on_the_cpu(settings, weights):
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    direct, winograd = (
        network_from_weights(
            "vgg16",
            weights,
            torch.device("cpu"),
            settings(cpu_convolution=way, cpu_precision="float32"),
        ).compute_activations(image, ["relu1_2"])["relu1_2"]
        for way in ("direct", "winograd")
    )

    assert torch.allclose(direct, winograd, rtol=1e-3, atol=1e-2)
    assert not torch.equal(direct, winograd)


def test_settings_of_cuda_change_nothing_on_the_cpu(settings, weights):
    changed = settings(cpu_precision="float32", cuda_precision="bf16", cuda_graphs=True)

    network = network_from_weights("vgg16", weights, torch.device("cpu"), changed)

    assert (network.dtype, network.precision) == (torch.float32, torch.float32)
    assert network.capture_graph is None


def test_what_is_written_down_tells_every_way_to_compute_from_every_other(settings):
    on_cuda = replace(cpu_device(), device_class="cuda")
    ways = [
        compute_environment(settings(cpu_precision="float32"), cpu_device()),
        compute_environment(settings(cpu_precision="bf16"), cpu_device()),
        compute_environment(settings(cpu_convolution="winograd"), cpu_device()),
        compute_environment(settings(), on_cuda),
        compute_environment(settings(cuda_precision="bf16"), on_cuda),
        compute_environment(settings(cuda_graphs=True), on_cuda),
    ]

    assert len({tuple(sorted(way.items())) for way in ways}) == len(ways)
    assert {"device", "threads", "torch", "convolution", "precision"} <= ways[0].keys()
    assert ways[0]["threads"] == str(torch.get_num_threads())


def test_settings_of_another_device_change_nothing_that_is_written_down(settings):
    changed = settings(cuda_precision="bf16", cuda_graphs=True)

    assert compute_environment(changed, cpu_device()) == compute_environment(
        settings(), cpu_device()
    )
