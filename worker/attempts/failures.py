"""Classes of failed attempts: the error of each, with code, message and hint."""

from __future__ import annotations

import torch

from shared.errors import DeviceFailed, EngineError, ImpastoError, OutOfMemory

# torch has its own error on CUDA and MPS; an allocation on the CPU fails with this.
_CPU_ALLOCATOR = "can't allocate memory"
_MPS_ALLOCATOR = "MPS backend out of memory"
# Messages of drivers and their libraries when the job is not the cause.
_DEVICE_WORDS = (
    "CUDA error",
    "CUDNN_STATUS",
    "cuDNN error",
    "CUBLAS_STATUS",
    "MPS backend",
)


def classify_failure(error: Exception) -> ImpastoError:
    """Return the error that describes why an attempt ended, without internal details.

    An `ImpastoError` has its own message. Any other error is a bug or a temporary
    problem of the machine: another attempt may succeed, and the log has the traceback.
    """
    if isinstance(error, ImpastoError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory("the picture does not fit into the memory of the device")
    if is_device_failure(error):
        return DeviceFailed("the device failed while it computed the picture")
    return EngineError(f"the worker ran into an unexpected {type(error).__name__}")


def is_out_of_memory(error: Exception) -> bool:
    """Whether the error says that the memory of the device ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemory):
        return True
    words = (_CPU_ALLOCATOR, _MPS_ALLOCATOR)
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def is_device_failure(error: Exception) -> bool:
    """Whether the device failed: another device may work."""
    if is_out_of_memory(error):
        return False
    if isinstance(error, torch.AcceleratorError | DeviceFailed):
        return True
    message = str(error)
    return isinstance(error, RuntimeError) and any(
        word in message for word in _DEVICE_WORDS
    )
