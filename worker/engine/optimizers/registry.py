"""Optimizers by the name that `StyleParams.optimizer` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from worker.engine.optimizers.adam import Adam
from worker.engine.optimizers.gradient_descent import GradientDescent
from worker.engine.optimizers.lbfgs import Lbfgs

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.engine.optimizers.base import Optimizer

OptimizerName = Literal["lbfgs", "adam", "gd"]

# Each is made with a factor of its steps.
OPTIMIZERS: dict[OptimizerName, Callable[[float], Optimizer]] = {
    "lbfgs": Lbfgs,
    "adam": Adam,
    "gd": GradientDescent,
}
