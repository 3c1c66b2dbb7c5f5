"""Memory that runs out: the picture goes on from where it was, in smaller tiles."""

from __future__ import annotations

import pytest
import torch

from shared.params.style import StyleParams
from tests.support.fault_injection import Watched, tight
from tests.unit.worker.engine.conftest import last, picture, random_weights
from worker.attempts.memory_plan import plan_memory
from worker.attempts.style import run_with_oom_retry
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.limits import RunLimits
from worker.engine.optimizers.base import GRAY_LEVEL
from worker.engine.transfer import stylize
from worker.engine.vgg.network import build_network

PARAMS = StyleParams(max_edge=256, schedule=((64, 2), (256, 3)), optimizer="adam")
SOURCES = TransferInputs(
    picture(120, 160, seed=1).float(), (Style(picture(90, 60, seed=2).float()),)
)
SMALLEST_PIXELS = 160 * 160  # of a tile of 64 px and what relu4_2 sees around it


@pytest.fixture(scope="module")
def network():
    tensors = {key: each.float() for key, each in random_weights("vgg16").items()}
    return build_network("vgg16", tensors, torch.device("cpu"))


def endured(network, start=None, told=None):
    def run(room, here):
        limits = RunLimits(room.activation_bytes)
        return stylize(SOURCES, room.params, network, resume=here, limits=limits)

    room = plan_memory(64 * 10**9, network, PARAMS, SOURCES)
    return run_with_oom_retry(
        room, start, run, [].append if told is None else told.append
    )


def test_with_enough_memory_nothing_is_different(network):
    told = []

    found = last(endured(network, told=told))

    assert told == []
    assert torch.equal(found.image, last(stylize(SOURCES, PARAMS, network)).image)


def test_a_run_goes_on_in_smaller_tiles_to_nearly_the_same_picture(network):
    told = []
    whole = last(stylize(SOURCES, PARAMS, network))

    found = list(endured(Watched(network, tight(SMALLEST_PIXELS)), told=told))

    assert [room.tiling for room in told] == ["64 px"]
    assert [iterate.iteration for iterate in found] == [1, 2, 3, 4, 5]
    # Tiles add up in another order, which may decide a tie of max pooling otherwise:
    # that shows in some pixels, so the mean counts. One iteration is four times as
    # much.
    assert float((found[-1].image - whole.image).abs().mean()) < GRAY_LEVEL / 4


def test_no_iteration_is_done_twice_and_none_is_left_out(network):
    large = []

    def full_for_a_while(pixels):
        if pixels > SMALLEST_PIXELS:
            large.append(pixels)
            if len(large) == 4:  # after two looks for targets and one iteration
                raise torch.OutOfMemoryError

    found = list(endured(Watched(network, full_for_a_while)))

    assert len(large) == 4
    assert [iterate.iteration for iterate in found] == [1, 2, 3, 4, 5]


def test_a_resumed_run_goes_on_from_its_snapshot(network):
    halfway = next(
        each for each in stylize(SOURCES, PARAMS, network) if each.iteration == 3
    )

    small = Watched(network, tight(SMALLEST_PIXELS))
    found = list(endured(small, start=halfway.snapshot()))

    assert [iterate.iteration for iterate in found] == [4, 5]


def test_a_device_too_small_for_the_smallest_tiles_gives_up(network):
    told = []

    with pytest.raises(torch.OutOfMemoryError):
        list(endured(Watched(network, tight(1000)), told=told))

    assert [room.tiling for room in told] == ["64 px"]


def test_any_other_error_ends_the_run_at_once(network):
    told = []

    def broken(pixels):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        list(endured(Watched(network, broken), told=told))

    assert told == []
