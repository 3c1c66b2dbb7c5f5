"""The neighbors loss in an objective: tiles, masks, regions, odd pictures, resume."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.segments import Changes, Segment
from tests.unit.worker.engine.conftest import (
    check_resumes,
    check_tiles,
    last,
    make_objective,
    picture,
    through_json,
)
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.pyramid import PyramidScale
from worker.engine.images.tiling import RunLimits
from worker.engine.neighbor_style import NeighborMatches
from worker.engine.objective import Objective
from worker.engine.transfer import stylize
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network

    MakeParams = Callable[..., StyleParams]


@pytest.fixture
def neighbors(make_params: MakeParams) -> MakeParams:
    def make(**changes: Any) -> StyleParams:
        return make_params(
            **{"style_loss": "neighbors", "content_weight": 0.0, **changes}
        )

    return make


def matched(
    network: Network,
    params: StyleParams,
    photo: Tensor,
    style: Style,
    start: Tensor | None = None,
    scale: int = 0,
) -> dict[int, Tensor]:
    """Return the matches of one scale, by style."""
    matches = NeighborMatches()
    images = PyramidScale(scale, photo, (style,))
    Objective(network, params, images, RunLimits(), start, matches)
    return matches.indices


@pytest.mark.parametrize(("size", "masked"), [((96, 140), True), ((100, 90), False)])
def test_tiles_give_the_loss_and_the_gradient_of_the_whole(
    network32: Network, neighbors: MakeParams, size: tuple[int, int], masked: bool
) -> None:
    photo, image = picture(*size, seed=1).float(), picture(*size, seed=3).float()
    mask = picture(*size, seed=4)[:, :1].float() if masked else None
    styles = [Style(picture(120, 100, seed=2).float(), mask)]
    styles.append(Style(picture(64, 64, seed=5).float()))
    params = neighbors(styles=({}, {}), tv_weight=0.1)

    check_tiles(network32, params, photo, styles, image, tolerance=1e-5)


def test_a_painting_is_at_no_distance_from_itself(
    network: Network, neighbors: MakeParams, painting: Tensor
) -> None:
    losses, _ = make_objective(network, neighbors(), painting, [painting]).evaluate(
        painting
    )

    assert losses.style == pytest.approx(0.0, abs=1e-4)


def test_each_cell_matches_itself_where_the_photo_is_the_painting(
    network: Network, neighbors: MakeParams, painting: Tensor
) -> None:
    indices = matched(network, neighbors(), painting, Style(painting))[0]

    assert indices.flatten().tolist() == list(range(20))


def test_only_the_region_of_the_painting_has_candidates(
    network: Network, neighbors: MakeParams
) -> None:
    photo, style = picture(24, 32, seed=1), picture(24, 32, seed=2)
    region = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    region[..., 16:] = 1

    whole = matched(network, neighbors(), photo, Style(style))
    part = matched(network, neighbors(), photo, Style(style, None, region))

    assert int(whole[0].max()) >= 24  # of 48 cells
    assert int(part[0].max()) < 24  # the right half has 24


def test_under_a_mask_only_its_style_counts(
    network: Network, neighbors: MakeParams
) -> None:
    shallow = {"relu1_1": 1.0, "relu2_1": 1.0}
    params = neighbors(styles=({}, {}), mask_feather=0.0, style_layers=shallow)
    photo, image = picture(32, 64, seed=1), picture(32, 64, seed=3)
    mask = torch.zeros(1, 1, 32, 64, dtype=torch.float64)
    mask[..., :32] = 1
    first, second, other = (picture(32, 32, seed=seed) for seed in (2, 5, 6))

    def right_gradient(masked: Tensor, rest: Tensor) -> Tensor:
        styles = [Style(masked, mask), Style(rest)]
        objective = make_objective(network, params, photo, styles)
        return objective.evaluate(image)[1][..., 60:]

    assert torch.equal(right_gradient(first, second), right_gradient(other, second))
    assert not torch.equal(right_gradient(first, second), right_gradient(first, other))


def test_several_styles_count_by_their_weights(
    network: Network, neighbors: MakeParams, photo: Tensor
) -> None:
    paintings = [picture(20, 16, seed=seed) for seed in (2, 5)]

    def loss(styles: list[Tensor], *weights: float) -> float:
        params = neighbors(styles=tuple({"weight": weight} for weight in weights))
        return make_objective(network, params, photo, styles).evaluate(photo)[0].style

    first, second = (loss([painting], 1.0) for painting in paintings)

    assert loss(paintings, 3.0, 1.0) == pytest.approx((3 * first + second) / 4)
    assert first != pytest.approx(second)


def test_the_weight_of_a_masked_style_is_its_strength_in_its_region(
    network: Network, neighbors: MakeParams, photo: Tensor
) -> None:
    mask = torch.zeros(1, 1, 18, 24, dtype=torch.float64)
    mask[..., :12] = 1
    styles = [Style(picture(20, 16, seed=2), mask), Style(picture(20, 16, seed=5))]

    def loss(weight: float) -> float:
        params = neighbors(styles=({"weight": weight}, {}))
        return make_objective(network, params, photo, styles).evaluate(photo)[0].style

    assert loss(3.0) - loss(2.0) == pytest.approx(loss(2.0) - loss(1.0))
    assert loss(2.0) > 1.05 * loss(1.0)


def test_the_first_scale_matches_the_photo_and_the_next_ones_also_a_quarter_image(
    network: Network, neighbors: MakeParams
) -> None:
    photo, start = picture(40, 48, seed=1), picture(40, 48, seed=3)
    style, params = Style(picture(40, 40, seed=2)), neighbors(content_weight=1.0)

    def matches(of: Tensor, **told: Any) -> Tensor:
        return matched(network, params, of, style, **told)[0]

    first = matches(photo, start=start)
    second = matches(photo, start=start, scale=1)

    assert torch.equal(first, matches(photo))
    assert torch.equal(second, matches(0.75 * photo + 0.25 * start))
    assert not torch.equal(first, second)


def test_without_content_the_image_itself_is_matched(
    network: Network, neighbors: MakeParams
) -> None:
    photo, start = picture(40, 48, seed=1), picture(40, 48, seed=3)
    style, params = Style(picture(40, 40, seed=2)), neighbors(content_weight=0.0)

    found = matched(network, params, photo, style, start=start)[0]

    assert torch.equal(found, matched(network, params, start, style)[0])


def test_large_paintings_have_a_bounded_number_of_candidates(
    network: Network, neighbors: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.neighbor_style.MAX_CANDIDATES", 30)
    photo, style = picture(40, 40, seed=1), picture(64, 64, seed=2)

    indices = matched(network, neighbors(), photo, Style(style))

    assert 15 < int(indices[0].max()) < 30


def test_steering_in_mid_scale_keeps_the_matches_also_over_a_resume(run: Any) -> None:
    changes = {"style_loss": "neighbors"}
    segments = (Segment(from_iteration=6, changes=Changes(style_weight=9.0)),)
    straight = list(run(segments=segments, **changes))

    before, after = (straight[index].snapshot().tensors for index in (4, 6))
    snapshot = through_json(straight[6].snapshot())
    resumed = last(run(resume=snapshot, segments=segments, **changes))

    assert torch.equal(before["neighbors.style_0"], after["neighbors.style_0"])
    assert torch.equal(resumed.image, straight[-1].image)


def test_the_next_scale_is_matched_anew(run: Any) -> None:
    iterates = list(run(style_loss="neighbors"))

    shapes = [each.snapshot().tensors["neighbors.style_0"].shape for each in iterates]

    assert shapes[0] == (1, 1, 4, 8)  # 19 x 32 px
    assert shapes[-1] == (1, 1, 9, 16)  # 38 x 64 px


def test_masks_and_regions_run_from_start_to_end(
    network32: Network, neighbors: MakeParams
) -> None:
    photo, mask = picture(48, 64, seed=1).float(), torch.zeros(1, 1, 48, 64)
    mask[..., :20, :] = 1
    styles = tuple(
        Style(picture(50, 40, seed=seed).float(), each, each)
        for seed, each in ((2, mask), (3, None))
    )
    params = neighbors(styles=({}, {"weight": 2.0}), content_weight=1.0)

    iterates = list(stylize(TransferInputs(photo, styles), params, network32))

    assert iterates[-1].losses.total < iterates[4].losses.total


def test_a_snapshot_of_tiles_continues_whole_with_the_same_targets(run: Any) -> None:
    changes = {"style_loss": "neighbors", "max_edge": 96, "schedule": ((96, 4),)}
    whole, tiled = list(run(**changes)), list(run(tile_px=64, **changes))

    resumed = list(run(resume=through_json(tiled[1].snapshot()), **changes))

    assert resumed[0].losses.style == pytest.approx(whole[2].losses.style, rel=1e-4)
    matched = whole[0].snapshot().tensors["neighbors.style_0"]
    agreeing = matched == tiled[0].snapshot().tensors["neighbors.style_0"]
    assert float(agreeing.float().mean()) > 0.99  # but for rounding


def test_masks_that_leave_no_style_an_area_leave_the_photo(
    network32: Network, neighbors: MakeParams
) -> None:
    photo, mask = picture(48, 64, seed=1).float(), torch.zeros(1, 1, 48, 64)
    styles = (Style(picture(50, 40, seed=2).float(), mask),)
    params = neighbors(content_weight=1.0)

    iterate = last(stylize(TransferInputs(photo, styles), params, network32))

    assert iterate.losses.style == 0
    assert iterate.image.isfinite().all()


def test_the_run_is_called_back_after_each_block_of_the_matching(
    network32: Network, neighbors: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    limits = RunLimits(after_tile=lambda: calls.append(None))
    photo, style = picture(64, 64, seed=1).float(), picture(64, 64, seed=2).float()
    monkeypatch.setattr("worker.engine.losses.neighbors._BLOCK_VALUES", 2**8)

    make_objective(network32, neighbors(), photo, [style], limits)

    assert len(calls) >= 256  # one row of 256 candidates at a time


def halves(*, swapped: bool = False) -> Tensor:
    """Labels 0 and 1 of the left and the right half, or the other way round."""
    row = [1, 0] if swapped else [0, 1]
    return torch.tensor(row, dtype=torch.uint8).view(1, 1, 1, 2)


def labeled(
    network: Network, params: StyleParams, region: Tensor | None = None
) -> Tensor:
    """Match a picture with itself, its labels swapped; (1, 1, 24, 40) indices."""
    photo = picture(96, 160, seed=1).to(network.dtype)
    styles = (Style(photo, None, region, halves(swapped=True)),)
    matches, scale = NeighborMatches(), PyramidScale(0, photo, styles, halves())
    Objective(network, params, scale, RunLimits(), None, matches)
    return matches.indices[0]


@pytest.mark.parametrize("tile_px", [None, 64])
def test_labels_of_a_large_weight_decide_which_half_is_taken(
    network32: Network, neighbors: MakeParams, tile_px: int | None
) -> None:
    found = labeled(network32, neighbors(guidance_weight=100.0, tile_px=tile_px))

    columns = found % 40
    assert (columns[..., :20] >= 20).all()
    assert (columns[..., 20:] < 20).all()


def test_a_guidance_weight_of_0_gives_the_bits_of_no_labels(
    network32: Network, neighbors: MakeParams
) -> None:
    photo = picture(96, 160, seed=1).float()

    plain = matched(network32, neighbors(), photo, Style(photo))[0]

    assert torch.equal(labeled(network32, neighbors(guidance_weight=0.0)), plain)
    assert not torch.equal(labeled(network32, neighbors(guidance_weight=3.0)), plain)


def test_with_a_region_only_its_candidates_are_labeled(
    network32: Network, neighbors: MakeParams
) -> None:
    region = torch.zeros(1, 1, 1, 160)
    region[..., 40:] = 1  # 10 of 40 columns of cells are left out

    found = labeled(network32, neighbors(guidance_weight=100.0), region)

    columns = found % 30  # from the cell that the region begins with
    assert (columns[..., :20] >= 10).all()
    assert (columns[..., 20:] < 10).all()


def test_bfloat16_is_guided_too(weights: Any, neighbors: MakeParams) -> None:
    network = build_network(
        "vgg16",
        {name: each.float() for name, each in weights.items()},
        torch.device("cpu"),
        precision=torch.bfloat16,
    )

    columns = labeled(network, neighbors(guidance_weight=100.0)) % 40

    assert (columns[..., :20] >= 20).all()


def test_a_style_without_labels_matches_freely_beside_one_with_labels(
    network32: Network, neighbors: MakeParams
) -> None:
    photo = picture(48, 64, seed=1).float()
    styles = (Style(photo), Style(photo, labels=halves(swapped=True)))
    params, matches = neighbors(styles=({}, {})), NeighborMatches()

    scale = PyramidScale(0, photo, styles, halves())
    Objective(network32, params, scale, RunLimits(), None, matches)

    free, guided = matches.indices[0].flatten(), matches.indices[1].flatten()
    assert free.tolist() == list(range(12 * 16))
    assert not torch.equal(free, guided)


def test_a_guided_run_resumes_bit_for_bit_in_a_scale_and_between_two(
    network32: Network, neighbors: MakeParams
) -> None:
    photo, style = picture(48, 80, seed=1).float(), picture(70, 50, seed=2).float()
    styles = (Style(style, labels=halves(swapped=True)),)
    inputs = TransferInputs(photo, styles, labels=halves())
    params = neighbors(content_weight=1.0)
    run = partial(stylize, network=network32, params=params)

    straight = check_resumes(partial(run, inputs), stops=(2, 4))

    without = last(run(TransferInputs(photo, (Style(style),))))
    assert not torch.equal(straight[-1].image, without.image)
