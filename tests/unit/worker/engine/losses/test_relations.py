"""Content loss by relations, on rows of activations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.worker.engine.conftest import finite_difference_gradient
from worker.engine.losses.relations import compute_relations, relation_loss


def rows(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 5, generator=generator, dtype=torch.float64)


def test_relations_agree_with_the_formula() -> None:
    found = rows(7, 1)
    array = found.numpy()
    lengths = np.linalg.norm(array, axis=1)
    distances = 1 - (array @ array.T) / np.outer(lengths, lengths)
    expected = distances / (distances.mean(0, keepdims=True) + 0.1)

    relations = compute_relations(found, 0.0).numpy()

    assert relations == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_loss_agrees_with_the_formula() -> None:
    image, photo = rows(7, 1), compute_relations(rows(7, 2), 1e-4)

    value, _ = relation_loss(image, photo, 3.0, 1e-4)

    difference = (compute_relations(image, 1e-4) - photo).numpy()
    expected = 3 * (np.sqrt(difference**2 + 0.1**2) - 0.1).mean()
    assert float(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_agrees_with_finite_differences(smoothing: float) -> None:
    image, target = rows(6, 1), compute_relations(rows(6, 2), smoothing)

    _, gradient = relation_loss(image, target, 3.0, smoothing)

    slope = finite_difference_gradient(
        lambda x: float(relation_loss(x, target, 3.0, smoothing)[0]), image, step=1e-6
    )
    assert torch.allclose(gradient, slope, rtol=1e-6, atol=1e-8)


def test_brighter_activations_have_the_same_relations() -> None:
    photo = rows(6, 1)

    value, gradient = relation_loss(photo * 4, compute_relations(photo, 0.0), 1.0, 0.0)

    assert float(value) < 1e-12
    assert float(gradient.abs().max()) < 1e-12


@pytest.mark.parametrize("filling", [0.0, 1.0])
def test_rows_that_are_all_alike_have_finite_gradients(filling: float) -> None:
    alike = torch.full((6, 5), filling, dtype=torch.float64)
    pairs = [(alike, rows(6, 1)), (rows(6, 1), alike), (alike, alike)]

    for image, photo in pairs:
        target = compute_relations(photo, 1e-4)
        value, gradient = relation_loss(image, target, 1.0, 1e-4)
        assert value.isfinite()
        assert gradient.isfinite().all()
