"""Devices of this machine, and the deterministic configuration of torch.

`python -m worker.devices.device` prints the devices as JSON, so that the supervisor
need not load torch.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil
import torch

from worker.engine.vgg.convolution import is_winograd_available

if TYPE_CHECKING:
    from shared.settings import Settings

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
# Names in torch.cpu.get_capabilities() of instructions that multiply bfloat16.
_CPU_INFO = Path("/proc/cpuinfo")
_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
_CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Device: its class, permanent id, name, and memory in bytes."""

    device_class: str  # cpu, cuda, mps
    uuid: str
    name: str
    bytes: int

    @property
    def torch_device(self) -> torch.device:
        """Device for torch, in a process that sees only one device of its class."""
        return torch.device(self.device_class)


def list_devices() -> list[DeviceInfo]:
    """List every CUDA device, or else the MPS device, or else the CPU."""
    if torch.cuda.is_available():
        return [_cuda_device(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        return [DeviceInfo("mps", _host_device_name("mps"), _cpu_name(), _ram_bytes())]
    return [cpu_device()]


def cpu_device() -> DeviceInfo:
    """Return the CPU with all memory that this process may use."""
    return DeviceInfo("cpu", _host_device_name("cpu"), _cpu_name(), _ram_bytes())


def select_device(
    device_class: str, memory_share: int = 1, slot: int = 0
) -> DeviceInfo:
    """Return the only device of a class that the supervisor made visible.

    Args:
        device_class: Class of the device: cpu, cuda or mps.
        memory_share: Number of processes that share the device's memory.
        slot: Index of this process among them, from 0; it becomes part of the id.

    Raises:
        RuntimeError: There is no device of this class.
    """
    devices = [cpu_device()] if device_class == "cpu" else list_devices()
    for device in devices:
        if device.device_class == device_class:
            uuid = f"{device.uuid}-{slot}" if slot else device.uuid
            return replace(device, uuid=uuid, bytes=device.bytes // memory_share)
    raise RuntimeError(f"this machine has no {device_class} device")


def configure_torch(settings: Settings, device_class: str) -> None:
    """Configure torch as the settings say, before this process computes anything.

    Args:
        settings: Settings of the CPU convolution and the precision.
        device_class: Class of the device: cpu, cuda or mps.

    Raises:
        RuntimeError: This machine cannot compute as the settings say.
    """
    if device_class == "cpu":
        if settings.cpu_convolution == "winograd":
            _require_winograd()
        if settings.cpu_precision == "bf16":
            _require_bfloat16_on_cpu()
    if device_class == "cuda":
        make_cuda_deterministic()
        if settings.cuda_precision == "bf16":
            _require_bfloat16_on_cuda()


def select_precision(
    device_class: str, settings: Settings
) -> Literal["float32", "bf16"]:
    """Return the precision of activations on a device class: cpu, cuda or mps."""
    if device_class == "cuda":
        return settings.cuda_precision
    if device_class != "cpu":
        return "float32"
    if settings.cpu_precision != "auto":
        return settings.cpu_precision
    is_faster = settings.cpu_convolution == "direct" and is_bfloat16_faster_on_cpu()
    return "bf16" if is_faster else "float32"


def float32_settings(settings: Settings) -> Settings:
    """Return the settings with activations in float32."""
    return settings.model_copy(
        update={"cpu_precision": "float32", "cuda_precision": "float32"}
    )


def cpu_has_bfloat16() -> bool:
    """Whether this x86 CPU has instructions for bfloat16, and need not emulate it."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in _BF16_INSTRUCTIONS)


def is_bfloat16_faster_on_cpu() -> bool:
    """Whether this x86 CPU computes faster in bfloat16 than in float32.

    It does with AMX, and with AVX-512 BF16 on AMD. An Intel CPU with AVX-512 BF16 alone
    takes 1.4 to 1.9 times as long for a convolution as in float32.
    """
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("amx_bf16"):
        return True
    is_amd = _CPU_INFO.exists() and "AuthenticAMD" in _CPU_INFO.read_text()
    return bool(capabilities.get("avx512_bf16")) and is_amd


def make_cuda_deterministic() -> None:
    """Configure CUDA to compute the same bits each time, and in full float32.

    TF32 is disabled, which torch allows for convolutions by default. Sums in bfloat16
    are disabled where a matrix product is split. This function has never run on a CUDA
    device.

    Raises:
        RuntimeError: The order of sums in cuBLAS would vary.
    """
    if _CUBLAS_WORKSPACE not in os.environ:
        # The supervisor sets this variable, since cuBLAS reads it when it is loaded.
        raise RuntimeError(f"set {_CUBLAS_WORKSPACE}=:4096:8, or start by the fleet")
    torch.use_deterministic_algorithms(mode=True)
    # All memory is written before it is read, so filling it first is not necessary.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # made at run time
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def set_threads(count: int | None) -> int:
    """Set the number of CPU threads, on which the last bits of results depend."""
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def free_bytes(device: DeviceInfo) -> int:
    """Return the free memory, at most this process's share of the device."""
    if device.device_class == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device.torch_device)[0]
    available: int = psutil.virtual_memory().available
    return min(device.bytes, available)


def is_usable(device: DeviceInfo) -> bool:
    """Whether the device still computes; some errors last until the process ends."""
    try:
        return torch.ones(2, device=device.torch_device).sum().item() == 2  # noqa: PLR2004 - 1 + 1
    except RuntimeError:
        return False


def software_versions() -> dict[str, str]:
    """Return the versions of software that a result depends on."""
    return {
        "impasto": version("impasto"),
        "torch": torch.__version__,
        "pillow": version("pillow"),  # decodes and shrinks the inputs
        "libvips": version("pyvips-binary"),  # decodes inputs of 16 bits per channel
        "numpy": version("numpy"),  # converts colors with ICC profiles
        "python": platform.python_version(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "cudnn": str(torch.backends.cudnn.version()),
    }


def compute_environment(settings: Settings, device: DeviceInfo) -> dict[str, str]:
    """Return everything that the last bits of a result depend on, besides its inputs.

    Args:
        settings: Settings that torch was configured with.
        device: Device of this process, with the threads that it uses now.
    """
    on_cpu, on_cuda = device.device_class == "cpu", device.device_class == "cuda"
    return {
        "device": f"{device.device_class} {device.name}",
        **software_versions(),
        "threads": str(torch.get_num_threads()),
        "convolution": settings.cpu_convolution if on_cpu else "direct",
        "precision": select_precision(device.device_class, settings),
        "graphs": str(on_cuda and settings.cuda_graphs),
    }


def describe_setup(settings: Settings, device: DeviceInfo) -> str:
    """Return a text with all that the pace of a worker depends on."""
    parts = [
        device.device_class,
        device.name,
        select_precision(device.device_class, settings),
    ]
    if device.device_class == "cpu":
        threads = settings.worker_threads or torch.get_num_threads()
        parts += [f"{threads} threads", settings.cpu_convolution]
    return ", ".join(parts)


def _require_winograd() -> None:
    if not is_winograd_available():
        raise RuntimeError(
            "IMPASTO_CPU_CONVOLUTION=winograd needs NNPACK, which this build of torch "
            "or this CPU does not have; use direct"
        )


def _require_bfloat16_on_cpu() -> None:
    if not cpu_has_bfloat16():
        raise RuntimeError(
            "IMPASTO_CPU_PRECISION=bf16 needs a CPU with instructions for it (AVX-512 "
            "BF16 or AMX), which this one has not; use auto or float32"
        )


def _require_bfloat16_on_cuda() -> None:
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise RuntimeError(
            "IMPASTO_CUDA_PRECISION=bf16 needs a device that computes in bfloat16 "
            "(NVIDIA Ampere or newer), which this one does not; use float32"
        )


def _cuda_device(index: int) -> DeviceInfo:
    properties = torch.cuda.get_device_properties(index)
    uuid = f"GPU-{properties.uuid}"
    return DeviceInfo("cuda", uuid, properties.name, properties.total_memory)


def _host_device_name(device_class: str) -> str:
    return f"{device_class}-{socket.gethostname()}"


def _cpu_name() -> str:
    """Return the CPU model from the kernel (Linux), or else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.machine()


def _ram_bytes() -> int:
    ram: int = psutil.virtual_memory().total
    try:
        return min(ram, int(_CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or no limit ("max")
        return ram


if __name__ == "__main__":
    json.dump([asdict(device) for device in list_devices()], sys.stdout)
