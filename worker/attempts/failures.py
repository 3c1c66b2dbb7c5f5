"""Why attempts fail: their classes, as people are told of each."""

from __future__ import annotations

import torch

from shared.errors import DeviceFailed, ImpastoError, OutOfMemory
from shared.jobs.lease import Failure

# torch raises its own error on CUDA and MPS; a plain allocation on the CPU fails so.
_CPU_ALLOCATOR = "can't allocate memory"
_MPS_ALLOCATOR = "MPS backend out of memory"
# What drivers and their libraries say when it was not the job's fault.
_DEVICE_WORDS = (
    "CUDA error",
    "CUDNN_STATUS",
    "cuDNN error",
    "CUBLAS_STATUS",
    "MPS backend",
)


def failure_of(error: Exception) -> Failure:
    """Describe what ended an attempt, without giving away anything internal.

    A deliberate error tells of itself. Anything else is a bug or a passing trouble of
    the machine: another attempt may do, and the log has the traceback.
    """
    error = _classified(error)
    if isinstance(error, ImpastoError):
        code = error.code.replace("-", "_")
        return Failure(code, str(error), error.hint, error.retryable)
    return Failure(
        code="engine_error",
        message=f"the worker ran into an unexpected {type(error).__name__}",
        hint="the worker's log has the details; what failed for good can be retried",
        retryable=True,
    )


def is_out_of_memory(error: Exception) -> bool:
    """Whether the picture did not fit into the memory of the device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemory):
        return True
    words = (_CPU_ALLOCATOR, _MPS_ALLOCATOR)
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def is_of_the_device(error: Exception) -> bool:
    """Whether the device failed, which another one may not."""
    if is_out_of_memory(error):
        return False
    if isinstance(error, torch.AcceleratorError | DeviceFailed):
        return True
    message = str(error)
    return isinstance(error, RuntimeError) and any(
        word in message for word in _DEVICE_WORDS
    )


def _classified(error: Exception) -> Exception:
    if isinstance(error, ImpastoError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory("the picture does not fit into the memory of the device")
    if is_of_the_device(error):
        return DeviceFailed("the device failed while it computed the picture")
    return error
