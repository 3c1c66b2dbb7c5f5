"""Room for activations: the same for the same device, and less and less to the end."""

from __future__ import annotations

import pytest
import torch

from shared.params.memory import need_bytes
from shared.params.style import StyleParams
from tests.unit.worker.engine.conftest import random_weights
from worker.attempts.memory_plan import plan_memory
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.tiling import (
    RunLimits,
    compute_halo_px,
    count_pixels_with_halo,
    make_tiles,
)
from worker.engine.targets import build_feature_extractor
from worker.engine.vgg.network import build_network

PARAMS = StyleParams(max_edge=512)
GB = 10**9


@pytest.fixture(scope="module")
def network():
    return build_network("vgg16", random_weights("vgg16"), torch.device("cpu"))


def room(network, device_bytes, params=PARAMS):
    photo, painting = torch.zeros(1, 3, 30, 40), torch.zeros(1, 3, 50, 50)
    return plan_memory(
        device_bytes, network, params, TransferInputs(photo, (Style(painting),))
    )


def sides(room):
    while room is not None:
        yield room.tiling
        room = room.with_smaller_tiles()


def test_a_large_device_computes_pictures_whole(network):
    assert room(network, 64 * GB).tiling == "whole"
    assert room(network, 64 * GB).is_tiled is False


def test_a_little_more_memory_changes_nothing(network):
    large = PARAMS.model_copy(update={"max_edge": 8192, "optimizer": "adam"})

    plans = {room(network, 24 * GB + extra, large).tiling for extra in (0, 1, 1000)}

    assert len(plans) == 1
    assert plans != {"whole"}


@pytest.mark.parametrize("gigabytes", [22, 26, 30])
def test_the_engine_takes_the_tiles_that_the_plan_names(network, gigabytes):
    large = PARAMS.model_copy(update={"max_edge": 8192, "optimizer": "adam"})
    found = room(network, gigabytes * GB, large)
    names = {*large.content_layers, *large.style_layers}

    extractor = build_feature_extractor(
        network, names, (6144, 8192), large, RunLimits(found.tile_pixels)
    )

    side = int(found.tiling.removesuffix(" px"))
    named = make_tiles((6144, 8192), side, compute_halo_px(found.layers))
    assert extractor.tiles == named
    assert len(named) > 1


def test_a_device_that_a_job_just_fits_has_room_for_the_smallest_tile(network):
    large = PARAMS.model_copy(update={"max_edge": 8192, "optimizer": "adam"})

    plan = room(network, need_bytes(large), large)

    assert plan.tile_pixels >= count_pixels_with_halo(plan.layers, 64)


def test_less_and_less_ends_with_the_smallest_tiles(network):
    plans = list(sides(room(network, 64 * GB)))

    assert plans[0] == "whole"
    assert plans[-1] == "64 px"
    assert len(plans) == len(set(plans)) <= 4


def test_less_than_tiles_that_were_asked_for_are_smaller_ones(network):
    asked = PARAMS.model_copy(update={"tile_px": 256})
    names = {*asked.content_layers, *asked.style_layers}

    found = room(network, 64 * GB, asked)
    smaller = found.with_smaller_tiles()

    assert (found.tiling, found.is_tiled) == ("256 px", True)
    assert smaller.tiling == "64 px"
    limits = RunLimits(smaller.tile_pixels)
    looking = build_feature_extractor(
        network, names, (384, 512), smaller.params, limits
    )
    assert {tile.rows.stop - tile.rows.start for tile in looking.tiles} == {64}


def test_a_picture_as_small_as_the_smallest_tile_has_nothing_to_give(network):
    small = StyleParams(max_edge=64)

    assert room(network, 64 * GB, small).with_smaller_tiles() is None
