"""The devices of this machine, and the one that this process computes on.

`python -m worker.devices.device` prints them as JSON, so that the supervisor can ask
without loading torch itself.
"""

from __future__ import annotations

import json
import platform
import socket
import sys
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from worker.devices.determinism import select_precision

if TYPE_CHECKING:
    from shared.settings import Settings

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Device with its class, its permanent id, its name and its memory in bytes."""

    device_class: str  # cpu, cuda, mps
    uuid: str
    name: str
    bytes: int

    @property
    def torch_device(self) -> torch.device:
        """Device for torch, in a process that sees only one of its class."""
        return torch.device(self.device_class)


def list_devices() -> list[DeviceInfo]:
    """List every CUDA device; else the MPS device; else the CPU."""
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
    """Return the one device of a class that the supervisor made visible.

    Args:
        device_class: Class of the device: cpu, cuda or mps.
        memory_share: Number of processes that share the device's memory.
        slot: Index of this process among them, from 0; it becomes part of the id.

    Raises:
        RuntimeError: There is no such device.
    """
    devices = [cpu_device()] if device_class == "cpu" else list_devices()
    for device in devices:
        if device.device_class == device_class:
            uuid = f"{device.uuid}-{slot}" if slot else device.uuid
            return replace(device, uuid=uuid, bytes=device.bytes // memory_share)
    raise RuntimeError(f"this machine has no {device_class} device")


def set_threads(count: int | None) -> int:
    """Set the number of CPU threads, as results depend on it in the last bit."""
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
    """Whether the device still computes; some errors last as long as the process."""
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
        "libvips": version("pyvips-binary"),  # decodes those of 16 bits
        "numpy": version("numpy"),  # converts the colors of some
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
    """Describe all that the pace of a worker depends on."""
    parts = [
        device.device_class,
        device.name,
        select_precision(device.device_class, settings),
    ]
    if device.device_class == "cpu":
        threads = settings.worker_threads or torch.get_num_threads()
        parts += [f"{threads} threads", settings.cpu_convolution]
    return ", ".join(parts)


def _cuda_device(index: int) -> DeviceInfo:
    properties = torch.cuda.get_device_properties(index)
    uuid = f"GPU-{properties.uuid}"
    return DeviceInfo("cuda", uuid, properties.name, properties.total_memory)


def _host_device_name(device_class: str) -> str:
    return f"{device_class}-{socket.gethostname()}"


def _cpu_name() -> str:
    """Return the CPU model where the kernel tells it (Linux), else the architecture."""
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
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return ram


if __name__ == "__main__":
    json.dump([asdict(device) for device in list_devices()], sys.stdout)
