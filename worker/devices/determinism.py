"""How the one device of this process is made to compute: the same bits each time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import torch

from worker.engine.vgg.convolution import winograd_is_available

if TYPE_CHECKING:
    from shared.settings import Settings

# As torch.cpu.get_capabilities() calls what multiplies bfloat16 without a detour.
_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
_CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def prepare(settings: Settings, device_class: str) -> None:
    """Make this process compute as the settings say, before it computes anything.

    Args:
        settings: Convolution on the CPU, and precision.
        device_class: cpu, cuda or mps.

    Raises:
        RuntimeError: This machine cannot.
    """
    if device_class == "cpu":
        if settings.cpu_convolution == "winograd":
            _require_winograd()
        if settings.cpu_precision == "bf16":
            _require_bfloat16_on_cpu()
    if device_class == "cuda":
        compute_exactly_on_cuda()
        if settings.cuda_precision == "bf16":
            _require_bfloat16()


def precision_on(device_class: str, settings: Settings) -> Literal["float32", "bf16"]:
    """Precision of activations on a device of this class: cpu, cuda or mps."""
    if device_class == "cuda":
        return settings.cuda_precision
    if device_class != "cpu":
        return "float32"
    if settings.cpu_precision != "auto":
        return settings.cpu_precision
    helps = settings.cpu_convolution == "direct" and cpu_has_bfloat16()
    return "bf16" if helps else "float32"


def in_float32(settings: Settings) -> Settings:
    """Return the same settings, but for activations in float32."""
    return settings.model_copy(
        update={"cpu_precision": "float32", "cuda_precision": "float32"}
    )


def cpu_has_bfloat16() -> bool:
    """Whether this x86 CPU has instructions for bfloat16, and need not emulate it."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name) for name in _BF16_INSTRUCTIONS)


def compute_exactly_on_cuda() -> None:
    """Make CUDA compute the same bits each time, and a float32 be a float32.

    No TF32, which torch allows for convolutions by default, and no sums in bfloat16
    where a matrix product is split up. Never run on a device.

    Raises:
        RuntimeError: cuBLAS would add up in any order.
    """
    if _CUBLAS_WORKSPACE not in os.environ:
        # The fleet sets it, as it must stand before CUDA is loaded.
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
    if not winograd_is_available():
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


def _require_bfloat16() -> None:
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise RuntimeError(
            "IMPASTO_CUDA_PRECISION=bf16 needs a device that computes in bfloat16 "
            "(NVIDIA Ampere or newer), which this one does not; use float32"
        )
