"""Why attempts fail, as people are told, and whether another one makes sense."""

from __future__ import annotations

import torch

from shared.errors import ImpastoError, OutOfMemory
from shared.jobs import Failure

# torch raises its own error on CUDA and MPS; a plain allocation on the CPU fails so.
_CPU_ALLOCATOR = "can't allocate memory"


def failure_of(error: Exception) -> Failure:
    """Describe what ended an attempt, without giving away anything internal.

    A deliberate error tells of itself. Anything else is a bug or a passing trouble of
    the machine: another attempt may do, and the log has the traceback.
    """
    if _is_out_of_memory(error):
        error = OutOfMemory("the picture does not fit into the memory of the device")
    if isinstance(error, ImpastoError):
        code = error.code.replace("-", "_")
        return Failure(code, str(error), error.hint, error.retryable)
    return Failure(
        code="engine_error",
        message=f"the worker ran into an unexpected {type(error).__name__}",
        hint="it is tried again by itself; the worker's log has the details",
        retryable=True,
    )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _CPU_ALLOCATOR in str(error)
