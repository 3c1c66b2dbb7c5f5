"""Deterministic computing: settings of torch that give the same bits each time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import torch

from worker.engine.vgg.convolution import is_winograd_available

if TYPE_CHECKING:
    from shared.settings import Settings

# Names in torch.cpu.get_capabilities() of instructions that multiply bfloat16.
_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
_CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


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
    is_faster = settings.cpu_convolution == "direct" and cpu_has_bfloat16()
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


def make_cuda_deterministic() -> None:
    """Make CUDA compute the same bits each time, and in full float32.

    No TF32, which torch allows for convolutions by default, and no sums in bfloat16
    where a matrix product is split up. It has never run on a CUDA device.

    Raises:
        RuntimeError: The order of sums in cuBLAS would vary.
    """
    if _CUBLAS_WORKSPACE not in os.environ:
        # The supervisor sets it, as it is needed before CUDA is loaded.
        raise RuntimeError(f"set {_CUBLAS_WORKSPACE}=:4096:8, or start by the fleet")
    torch.use_deterministic_algorithms(mode=True)
    # All memory is written before it is read: filling it first would only take time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # made at run time
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


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
