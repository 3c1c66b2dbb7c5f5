"""Classes of failed attempts, with the code, message and hint of each."""

from __future__ import annotations

import torch

from shared.errors import DeviceFailed, ImpastoError, OutOfMemory
from shared.jobs.lease import JobFailure

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


def describe_failure(error: Exception) -> JobFailure:
    """Describe the error that ended an attempt, without internal details.

    An `ImpastoError` has its own message. Any other error is a bug or a temporary
    problem of the machine: another attempt may succeed, and the log has the traceback.
    """
    error = _classify(error)
    if isinstance(error, ImpastoError):
        code = error.code.replace("-", "_")
        return JobFailure(code, str(error), error.hint, error.retryable)
    return JobFailure(
        code="engine_error",
        message=f"the worker ran into an unexpected {type(error).__name__}",
        hint="the worker's log has the details; what failed for good can be retried",
        retryable=True,
    )


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


def _classify(error: Exception) -> Exception:
    if isinstance(error, ImpastoError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory("the picture does not fit into the memory of the device")
    if is_device_failure(error):
        return DeviceFailed("the device failed while it computed the picture")
    return error
