"""A limit of time for peers: the picture of the moment when it is over."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from torch.optim import LBFGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from bench.engine.measured_process import Stopwatch, Task


class Cut(Exception):
    """The time is over, and a picture is there."""


def is_over(task: Task, clock: Stopwatch) -> bool:
    """Whether the task has a limit, and it has passed."""
    return 0 < task.limit_s <= clock.cpu_s()


@contextmanager
def cut_lbfgs(
    task: Task, clock: Stopwatch, to_picture: str
) -> Iterator[dict[str, int]]:
    """Count the evaluations of torch's L-BFGS, and end the block after the limit.

    The limit is looked at before each evaluation but the first: then the tensor that is
    optimized is the picture of the last step.

    Args:
        task: Its limit, and the file for the picture.
        clock: What the limit is measured with.
        to_picture: Function beside the peer's loss that makes a picture of a tensor.

    Yields:
        The number of evaluations, `evaluations`, growing.
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
