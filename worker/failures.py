"""Why attempts fail, as people are told, and whether another one makes sense."""

from __future__ import annotations

from shared.errors import ImpastoError, OutOfMemory
from shared.jobs import Failure
from worker.endurance import is_out_of_memory


def failure_of(error: Exception) -> Failure:
    """Describe what ended an attempt, without giving away anything internal.

    A deliberate error tells of itself. Anything else is a bug or a passing trouble of
    the machine: another attempt may do, and the log has the traceback.
    """
    if is_out_of_memory(error):
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
