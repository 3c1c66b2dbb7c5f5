"""L-BFGS where numbers get small."""

from __future__ import annotations

import torch

from worker.engine.lbfgs import Lbfgs


def test_gradients_too_small_to_be_squared_do_not_divide_by_zero():
    optimizer, image = Lbfgs(), torch.full((1, 3, 4, 4), 0.5)
    for scale in (1e-30, 2e-30, 3e-30):
        image = optimizer.step(image, scale, torch.full_like(image, scale))

    assert bool(image.isfinite().all())
