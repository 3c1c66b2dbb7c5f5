"""Time limit for peers, at which they deliver their present picture."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from torch.optim import LBFGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from bench.engine.measured_process import Stopwatch, Task


class Cut(Exception):
    """The time limit was reached, and the picture was written."""


def is_over(task: Task, clock: Stopwatch) -> bool:
    """Whether the task has a time limit that was reached."""
    return 0 < task.limit_s <= clock.cpu_s()


@contextmanager
def cut_lbfgs(
    task: Task, clock: Stopwatch, to_picture: str
) -> Iterator[dict[str, int]]:
    """Count the evaluations of torch's L-BFGS, and end the block after the limit.

    The limit is checked before each evaluation except the first. At that time the
    optimized tensor is the picture of the last step.

    Args:
        task: Task with the limit and the file for the picture.
        clock: Clock that measures the time.
        to_picture: Function that converts the peer's tensor to a picture.

    Yields:
        Figures, whose member `evaluations` grows.
    """
    counted = {"evaluations": 0}
    original: Callable[..., Any] = LBFGS.step

    def step(optimizer: LBFGS, closure: Callable[[], Any]) -> Any:
        def evaluate() -> Any:
            if counted["evaluations"] and is_over(task, clock):
                tensor: Tensor = optimizer.param_groups[0]["params"][0]
                finish = closure.__globals__[to_picture]
                finish(tensor.detach().clone().squeeze(0)).save(task.picture)
                raise Cut
            counted["evaluations"] += 1
            return closure()

        return original(optimizer, evaluate)

    LBFGS.step = step  # type: ignore[method-assign]
    try:
        with suppress(Cut):
            yield counted
    finally:
        LBFGS.step = original  # type: ignore[method-assign]
