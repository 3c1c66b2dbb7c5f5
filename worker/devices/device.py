"""The devices of this machine, and the one that this process computes on.

`python -m worker.devices.device` prints them as JSON, so that the supervisor can ask
without loading torch itself.
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
from typing import TYPE_CHECKING

import torch

from worker.devices.determinism import precision_on

if TYPE_CHECKING:
    from shared.settings import Settings

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device by its class, its lasting name, and its memory."""

    device_class: str  # cpu, cuda, mps
    uuid: str
    name: str
    bytes: int

    @property
    def torch_device(self) -> torch.device:
        """How torch calls it in a process that sees no other of its class."""
        return torch.device(self.device_class)


def best_devices() -> list[DeviceInfo]:
    """Every CUDA device; else the MPS device; else the CPU."""
    if torch.cuda.is_available():
        return [_cuda(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        return [DeviceInfo("mps", _on_host("mps"), _cpu_name(), _ram_bytes())]
    return [cpu()]


def cpu() -> DeviceInfo:
    """The CPU with all the memory this process may use."""
    return DeviceInfo("cpu", _on_host("cpu"), _cpu_name(), _ram_bytes())


def this_device(device_class: str, memory_share: int = 1, slot: int = 0) -> DeviceInfo:
    """The one device of `device_class` that the fleet left visible to this process.

    Args:
        device_class: cpu, cuda or mps.
        memory_share: Among how many processes its memory is shared out.
        slot: Which of them this one is, from 0; each has a name of its own.

    Raises:
        RuntimeError: There is no such device.
    """
    found = [cpu()] if device_class == "cpu" else best_devices()
    for device in found:
        if device.device_class == device_class:
            uuid = f"{device.uuid}-{slot}" if slot else device.uuid
            return replace(device, uuid=uuid, bytes=device.bytes // memory_share)
    raise RuntimeError(f"this machine has no {device_class} device")


def use_threads(count: int | None) -> int:
    """Fix the number of CPU threads, as results depend on it in the last bit."""
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def free_bytes(device: DeviceInfo) -> int:
    """Memory that a new attempt would find, at most what is ours of the device."""
    if device.device_class == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device.torch_device)[0]
    return min(device.bytes, _available_bytes(device.bytes))


def is_usable(device: DeviceInfo) -> bool:
    """Whether the device still computes; some errors stick to the process."""
    try:
        return torch.ones(2, device=device.torch_device).sum().item() == 2  # noqa: PLR2004 - 1 + 1
    except RuntimeError:
        return False


def versions() -> dict[str, str]:
    """What a result may depend on, besides its inputs."""
    return {
        "impasto": version("impasto"),
        "torch": torch.__version__,
        "pillow": version("pillow"),  # decodes and shrinks the inputs
        "numpy": version("numpy"),  # converts the colors of some
        "python": platform.python_version(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "cudnn": str(torch.backends.cudnn.version()),
    }


def how_computed(settings: Settings, device: DeviceInfo) -> dict[str, str]:
    """Everything the last bits of a result depend on, besides its inputs.

    Args:
        settings: Those this process has been prepared with.
        device: What it computes on, with the threads it uses now.
    """
    on_cpu, on_cuda = device.device_class == "cpu", device.device_class == "cuda"
    return {
        "device": f"{device.device_class} {device.name}",
        **versions(),
        "threads": str(torch.get_num_threads()),
        "convolution": settings.cpu_convolution if on_cpu else "direct",
        "precision": precision_on(device.device_class, settings),
        "graphs": str(on_cuda and settings.cuda_graphs),
    }


def setup_of(settings: Settings, device: DeviceInfo) -> str:
    """Name all that the pace of a worker depends on, in words."""
    words = [
        device.device_class,
        device.name,
        precision_on(device.device_class, settings),
    ]
    if device.device_class == "cpu":
        threads = settings.worker_threads or torch.get_num_threads()
        words += [f"{threads} threads", settings.cpu_convolution]
    return ", ".join(words)


def _cuda(index: int) -> DeviceInfo:
    properties = torch.cuda.get_device_properties(index)
    uuid = f"GPU-{properties.uuid}"
    return DeviceInfo("cuda", uuid, properties.name, properties.total_memory)


def _on_host(device_class: str) -> str:
    return f"{device_class}-{socket.gethostname()}"


def _cpu_name() -> str:
    """The model, where the kernel tells it (Linux), else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.machine()


def _available_bytes(otherwise: int) -> int:
    """Memory that can be had without swapping, where the kernel tells it (Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return otherwise
    told = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(told[0][1]) * 1024 if told else otherwise


def _ram_bytes() -> int:
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(ram, int(_CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return ram


if __name__ == "__main__":
    json.dump([asdict(device) for device in best_devices()], sys.stdout)
