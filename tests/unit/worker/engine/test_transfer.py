from __future__ import annotations

import gc
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.errors import Diverged
from shared.params.memory import _PICTURES, _PICTURES_OF_OPTIMIZER
from shared.params.style import StyleParams
from tests.unit.worker.engine.conftest import (
    check_resumes,
    last,
    make_inputs,
    picture,
    through_json,
)
from worker.engine.images.color import to_luminance
from worker.engine.images.pyramid import enlarge_with_detail
from worker.engine.images.tiling import RunLimits
from worker.engine.transfer import OPTIMIZERS, stylize
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from worker.engine.vgg.network import Network

NAMES = sorted(OPTIMIZERS)


def test_iterations_are_counted_and_have_the_size_of_their_scale(run: Any) -> None:
    found = list(run())

    assert [i.iteration for i in found] == list(range(1, 9))
    assert [i.scale for i in found] == [0] * 4 + [1] * 4
    assert [i.scale_iteration for i in found] == [1, 2, 3, 4, 1, 2, 3, 4]
    shapes = [tuple(i.image.shape) for i in found]
    assert shapes == [(1, 3, 19, 32)] * 4 + [(1, 3, 38, 64)] * 4


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_the_loss_and_stays_inside_the_box(
    run: Any, name: str
) -> None:
    found = list(run(optimizer=name, schedule=((64, 15),), tv_weight=0.1))

    assert found[-1].losses.total < 0.7 * found[0].losses.total
    assert all(i.image.min() >= 0 and i.image.max() <= 1 for i in found)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_resumes_bit_for_bit_in_a_scale_and_between_two(
    run: Any, name: str
) -> None:
    check_resumes(partial(run, optimizer=name), stops=(1, 4, 6))


def test_a_finished_run_resumes_into_nothing_and_has_its_picture(run: Any) -> None:
    final = last(run())

    snapshot = through_json(final.snapshot())

    assert list(run(resume=snapshot)) == []
    assert torch.equal(snapshot.image, final.image)


def test_a_finished_run_can_be_extended_at_its_last_scale(run: Any) -> None:
    longer = ((32, 4), (64, 7))
    snapshot = last(run()).snapshot()

    extended = list(run(resume=snapshot, schedule=longer))

    assert [i.iteration for i in extended] == [9, 10, 11]
    assert torch.equal(extended[-1].image, last(run(schedule=longer)).image)


def test_a_snapshot_is_not_changed_by_the_iterations_after_it(run: Any) -> None:
    iterates = run(optimizer="lbfgs")
    snapshot = next(iterates).snapshot()
    before = {name: each.clone() for name, each in snapshot.tensors.items()}

    last(iterates)

    assert all(torch.equal(snapshot.tensors[n], before[n]) for n in before)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not(run: Any) -> None:
    first, again, other = (last(run(init="noise", seed=s)).image for s in (5, 5, 6))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_noise_leaves_the_random_numbers_of_others_alone(run: Any) -> None:
    before = torch.get_rng_state()

    next(run(init="noise"))

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("changes", "detailed"),
    [
        ({}, True),
        ({"color": "luminance"}, True),
        ({"init": "image"}, True),
        ({"content_weight": 0.0}, False),
    ],
)
def test_a_larger_scale_begins_with_the_detail_of_the_start_picture(
    network32: Network,
    make_params: Callable[..., StyleParams],
    changes: dict[str, Any],
    detailed: bool,
) -> None:
    params = make_params(schedule=((32, 2), (64, 1)), **changes)
    photo, style = picture(38, 64, seed=1).float(), picture(50, 50, seed=3)
    start = picture(76, 128, seed=2).float() if "init" in changes else None
    inputs = replace(make_inputs(photo, style), start=start)

    at_rest = RunLimits(step_scale=1e-6)
    found = list(stylize(inputs, params, network32, limits=at_rest))

    guide = photo if start is None else start
    begun, grown = found[1].snapshot().result, found[2].snapshot().result
    if "color" in changes:
        guide = to_luminance(guide)
    expected = enlarge_with_detail(begun, guide if detailed else None, (38, 64))
    other = enlarge_with_detail(begun, None if detailed else guide, (38, 64))
    assert torch.allclose(grown, expected, atol=1e-4)
    assert not torch.allclose(grown, other, atol=1e-2)


def test_what_begins_as_noise_gets_no_detail_of_the_photo_at_a_larger_scale(
    network32: Network, make_params: Callable[..., StyleParams]
) -> None:
    params = make_params(init="noise", content_weight=0.0)
    photos = (picture(38, 64, seed=seed) for seed in (1, 2))
    style = picture(50, 50, seed=3)

    ends = [last(stylize(make_inputs(p, style), params, network32)) for p in photos]

    assert ends[0].scale == 1
    assert torch.equal(ends[0].image, ends[1].image)


def test_a_run_starts_from_the_content(run: Any) -> None:
    assert next(run()).losses.content == 0.0


def test_a_run_starts_from_the_picture_given_at_the_shape_of_the_content(
    run: Any,
) -> None:
    one_color = torch.full((1, 3, 10, 10), 0.5)

    first = next(run(init="image", start=one_color))

    assert first.image.shape == (1, 3, 19, 32)
    assert float((first.image - 0.5).abs().mean()) < 0.01


def test_a_loss_that_is_not_finite_is_reported_as_divergence(
    weights: dict[str, Tensor], make_params: Callable[..., StyleParams]
) -> None:
    broken = {name: tensor * float("nan") for name, tensor in weights.items()}
    network = build_network("vgg16", broken, torch.device("cpu"))
    content = picture(16, 16, seed=1)

    with pytest.raises(Diverged):
        next(stylize(make_inputs(content, content), make_params(), network))


def test_as_many_pictures_as_weights_are_needed(
    network32: Network, make_params: Callable[..., StyleParams]
) -> None:
    content = picture(16, 16, seed=1)

    with pytest.raises(ValueError, match=r"shorter|longer"):
        next(stylize(make_inputs(content, content, content), make_params(), network32))


def test_gradients_stay_as_they_were_for_whoever_drives_the_run(run: Any) -> None:
    for iterate in run():
        assert torch.is_grad_enabled()
        assert not iterate.image.requires_grad


@pytest.mark.weights
def test_a_gray_photo_is_painted_too(vgg16_weights: dict[str, Tensor]) -> None:
    network = build_network("vgg16", vgg16_weights, torch.device("cpu"))
    params = StyleParams(max_edge=64, schedule=((64, 25),))
    blank = torch.full((1, 3, 48, 64), 0.5)
    style = picture(50, 50, seed=3)

    found = last(stylize(make_inputs(blank, style), params, network))

    # 0.52 to 0.53 on every kind of processor; 0.36 where what is next to nothing is
    # divided by itself, so that every stroke is too much.
    assert found.image.std() > 0.44 * style.std()


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_holds_no_more_pictures_than_the_estimate_counts(
    run: Any, name: str
) -> None:
    """Of the size of the result, 38 x 64 px; the photo and its state among them."""
    changes = {"optimizer": name, "schedule": ((64, 18),)}
    for iterate in run(**changes):
        if iterate.iteration == 13:  # the history of L-BFGS is full
            snapshot = through_json(iterate.snapshot())
            break
    resumed = run(resume=snapshot, **changes)
    del snapshot, iterate
    for _ in range(3):
        iterate = next(resumed)

    gc.collect()
    alive = {
        each.data_ptr()
        for each in gc.get_objects()
        if type(each) is torch.Tensor and each.shape == (1, 3, 38, 64)
    }
    assert len(alive) <= _PICTURES + _PICTURES_OF_OPTIMIZER[name]
    assert iterate.iteration == 16
