"""L-BFGS where numbers get small."""

from __future__ import annotations

import torch

from worker.engine.optimizers.lbfgs import Lbfgs


def test_gradients_too_small_to_be_squared_do_not_divide_by_zero():
    optimizer, image = Lbfgs(), torch.full((1, 3, 4, 4), 0.5)
    for scale in (1e-30, 2e-30, 3e-30):
        image = optimizer.step(image, scale, torch.full_like(image, scale))

    assert bool(image.isfinite().all())


def bowl(image):
    return float((image - 0.5).square().sum()), 2 * (image - 0.5)


def descended(steps):
    optimizer, image = Lbfgs(), torch.linspace(0.1, 0.4, 48).view(1, 3, 4, 4)
    for _ in range(steps):
        image = optimizer.step(image, *bowl(image))
    return optimizer, image


def test_a_step_much_longer_than_the_one_before_needs_verification():
    optimizer, image = descended(2)  # one gray level, then eight

    assert optimizer.needs_verification(image)
    assert not optimizer.needs_verification(
        image * 0.01 + 0.99 * optimizer.save_state().tensors["image"]
    )


def test_a_last_step_that_went_too_far_is_verified_and_reverted():
    optimizer, image = descended(40)
    before = optimizer.save_state().tensors["image"]
    too_far = torch.ones_like(image)

    assert torch.equal(optimizer.accept_or_revert(too_far, *bowl(too_far)), before)


def test_a_long_last_step_that_did_well_is_kept():
    optimizer, image = descended(3)
    goal = torch.full_like(image, 0.5)

    assert optimizer.accept_or_revert(goal, *bowl(goal)) is goal


def test_a_smaller_step_scale_makes_smaller_steps():
    image = torch.linspace(0.1, 0.4, 48).view(1, 3, 4, 4)
    whole, part = (Lbfgs(f).step(image, *bowl(image)) for f in (1.0, 0.3))

    assert torch.allclose(part - image, 0.3 * (whole - image), atol=1e-7)


def test_no_step_changes_the_picture_by_more_than_eight_gray_levels():
    optimizer, image = Lbfgs(), torch.full((1, 3, 4, 4), 0.1)
    for _ in range(3):
        before, image = image, optimizer.step(image, *bowl(image))
        # The second step would go all the way to 0.5, a hundred gray levels up.
        assert float((image - before).abs().mean()) <= 8.01 / 255
