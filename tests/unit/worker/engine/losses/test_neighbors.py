"""Cells and hypercolumns: pooling and its transpose, and which candidate is nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from worker.engine.losses.neighbors import (
    count_cells,
    match_neighbors,
    normalize,
    pool_labels,
    pool_to_cells,
    spread_from_cells,
)

if TYPE_CHECKING:
    from torch import Tensor

SIZES = [(32, 48), (35, 46), (39, 21), (17, 64), (6, 7), (3, 1), (1, 50)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def feature_map(size: tuple[int, int], stride: int) -> Tensor:
    """As the network makes it: each pooling rounds down, and never below 1."""
    return noise(1, 3, *(max(1, side // stride) for side in size))


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("size", SIZES)
def test_spreading_is_the_transpose_of_pooling(
    size: tuple[int, int], stride: int
) -> None:
    features = feature_map(size, stride)
    cells = pool_to_cells(features, stride, count_cells(size))
    gradient = noise(*cells.shape, seed=1)
    expected = (cells * gradient).sum()

    spread = spread_from_cells(gradient.clone(), features, stride)

    assert cells.shape[2:] == count_cells(size)
    assert spread.shape == features.shape
    assert torch.allclose((features * spread).sum(), expected)


def test_a_cell_is_the_mean_of_finer_positions_and_a_copy_of_a_coarser_one() -> None:
    fine, coarse = feature_map((16, 16), 1), feature_map((16, 16), 8)

    means, copies = pool_to_cells(fine, 1, (4, 4)), pool_to_cells(coarse, 8, (4, 4))

    assert torch.allclose(means[..., 1, 2], fine[..., 4:8, 8:12].mean((2, 3)))
    assert torch.equal(copies[..., 1, 2], coarse[..., 0, 1])


def matches(
    columns: Tensor, candidates: Tensor, labels: tuple[Tensor, Tensor] | None = None
) -> list[int]:
    by_layer = {"one": columns[:, :2], "two": columns[:, 2:]}
    others = {"one": candidates[:, :2], "two": candidates[:, 2:]}
    mean = {name: part.mean(0) for name, part in by_layer.items()}
    return match_neighbors(
        by_layer, mean, normalize(others, centered=True), lambda: None, labels
    ).tolist()


def test_the_nearest_candidate_is_the_one_in_the_same_direction_from_the_mean() -> None:
    candidates = noise(50, 5)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(3))

    brighter = 7 + 3 * candidates[order]  # neither brightness nor contrast matters

    assert matches(brighter, candidates) == order.tolist()


def test_of_equal_candidates_the_first_one_is_taken() -> None:
    candidates = noise(6, 5)
    candidates[4] = candidates[1]

    assert matches(candidates, candidates) == [0, 1, 2, 3, 1, 5]


@pytest.mark.parametrize("rows", [1, 7, 10])
def test_blocks_change_no_match(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    columns, candidates = noise(33, 5), noise(40, 5, seed=1)
    at_once = matches(columns, candidates)

    monkeypatch.setattr("worker.engine.losses.neighbors._BLOCK_VALUES", rows * 40)

    assert matches(columns, candidates) == at_once


def test_a_hypercolumn_of_zeros_stays_one_and_matches_the_first_candidate() -> None:
    flat = torch.zeros(4, 5, dtype=torch.float64)

    assert not normalize({"one": flat})["one"].any()
    assert matches(flat, flat) == [0, 0, 0, 0]


def guided(weight: float) -> tuple[Tensor, Tensor, list[int]]:
    """Columns, candidates and matches, by labels that cross the likeness."""
    columns = noise(12, 5)
    one_hot = torch.eye(2, dtype=torch.float16)
    mine = one_hot[[0] * 6 + [1] * 6]
    found = matches(columns, columns, (mine, weight * one_hot[[1] * 6 + [0] * 6]))
    return columns, columns, found


def test_a_large_weight_sends_each_cell_to_a_candidate_of_its_label() -> None:
    _, _, found = guided(100.0)

    assert all(index >= 6 for index in found[:6])
    assert all(index < 6 for index in found[6:])


def test_a_small_weight_leaves_each_cell_what_is_most_like_it() -> None:
    assert guided(0.001)[2] == list(range(12))


def test_the_best_candidate_has_the_largest_sum_of_cosine_and_labels() -> None:
    columns, candidates = noise(30, 5), noise(40, 5, seed=1)
    mine, theirs = noise(30, 3, seed=2).abs(), noise(40, 3, seed=3).abs()
    left, right = (
        torch.nn.functional.normalize(each - each.mean(0), dim=1)
        for each in (columns, candidates)
    )

    expected = (left @ right.T + mine @ theirs.T).argmax(1)

    assert matches(columns, candidates, (mine, theirs)) == expected.tolist()
    assert matches(columns, candidates) != expected.tolist()


def test_columns_without_a_direction_go_to_their_label() -> None:
    flat, shares = torch.zeros(4, 5, dtype=torch.float64), torch.eye(4)

    assert matches(flat, flat, (shares, shares)) == [0, 1, 2, 3]


def test_a_label_has_its_share_of_the_pixels_of_a_cell() -> None:
    labels = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    labels[..., 6:] = 1
    labels[..., 4:, :4] = 9  # no label

    shares = pool_labels(labels, 2, (8, 8))

    assert shares[0, 0].tolist() == [[1, 0.5], [0, 0.5]]
    assert shares[0, 1].tolist() == [[0, 0.5], [0, 0.5]]


@pytest.mark.parametrize("size", SIZES)
def test_labels_of_any_size_are_stretched_and_never_blended(
    size: tuple[int, int],
) -> None:
    labels = torch.tensor([[[[0, 2], [2, 0]]]], dtype=torch.uint8)

    shares = pool_labels(labels, 3, size)

    assert shares.shape == (1, 3, *count_cells(size))
    assert not shares[:, 1].any()  # between the two
    assert torch.allclose(shares.sum(1).float(), torch.ones(()), atol=1e-3)
