"""Recording and replaying, with a fake of a CUDA graph: fixed memory, no arguments."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import torch

from tests.unit.worker.engine.conftest import (
    last,
    objective_of,
    picture,
    sources_of,
    through_json,
)
from worker.engine.limits import RunLimits
from worker.engine.transfer import stylize
from worker.engine.vgg.cuda_graphs import CapturedGraph, GraphedCallable
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network

    MakeParams = Callable[..., StyleParams]


class FakeGraphs:
    """Records like CUDA: results appear in the memory of the first, on replay only."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def record(self, work: Callable[[], tuple[Tensor, ...]]) -> CapturedGraph:
        self.recorded += 1
        outputs = tuple(torch.full_like(each, torch.nan) for each in work())

        def replay() -> None:
            self.replayed += 1
            for place, each in zip(outputs, work(), strict=True):
                place.copy_(each)

        return CapturedGraph(replay, outputs)


@pytest.fixture
def graphs() -> FakeGraphs:
    return FakeGraphs()


@pytest.fixture
def recording(weights: dict[str, Tensor], graphs: FakeGraphs) -> Network:
    single = {name: tensor.float() for name, tensor in weights.items()}
    return build_network(
        "vgg16", single, torch.device("cpu"), capture_graph=graphs.record
    )


def test_every_call_sees_its_own_argument_and_keeps_its_own_result(
    graphs: FakeGraphs,
) -> None:
    recorder = GraphedCallable(graphs.record)
    arguments = [torch.full((2,), float(i)) for i in range(3)]

    results = [recorder.run(lambda x: (x + 1, x * 2), each) for each in arguments]

    for i, (more, twice) in enumerate(results):
        assert more.tolist() == [i + 1] * 2
        assert twice.tolist() == [i * 2] * 2
    assert (graphs.recorded, graphs.replayed) == (1, 3)


def test_the_argument_is_left_alone(graphs: FakeGraphs) -> None:
    recorder = GraphedCallable(graphs.record)
    first, second = torch.zeros(2), torch.ones(2)

    recorder.run(lambda x: (x.clone(),), first)
    recorder.run(lambda x: (x.clone(),), second)

    assert first.tolist() == [0, 0]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_with_graphs_is_the_run_without(
    recording: Network,
    network32: Network,
    graphs: FakeGraphs,
    make_params: MakeParams,
    optimizer: str,
) -> None:
    params = make_params(optimizer=optimizer, tv_weight=0.1)
    content, style = picture(48, 80, seed=1).float(), picture(70, 50, seed=2).float()
    sources = sources_of(content, style)

    with_graphs = list(stylize(sources, params, recording))
    without = list(stylize(sources, params, network32))
    recorded = graphs.recorded
    halfway = through_json(with_graphs[5].snapshot())
    resumed = last(stylize(sources, params, recording, resume=halfway))

    for one, other in zip(with_graphs, without, strict=True):
        assert one.losses == other.losses
        assert torch.equal(one.image, other.image)
    assert torch.equal(resumed.image, without[-1].image)
    assert recorded == 2  # once per scale


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({"style_loss": "wasserstein"}, RunLimits()),
        ({}, RunLimits(activation_bytes=1)),
    ],
)
def test_what_reads_back_in_between_is_not_recorded(
    recording: Network,
    graphs: FakeGraphs,
    make_params: MakeParams,
    changes: dict[str, str],
    limits: RunLimits,
) -> None:
    image = picture(100, 90, seed=1).float()

    objective_of(recording, make_params(**changes), image, [image], limits).evaluate(
        image
    )

    assert graphs.recorded == 0


def test_a_sign_of_life_is_given_at_every_replay(
    recording: Network, make_params: MakeParams
) -> None:
    ticks: list[None] = []
    limits = RunLimits(after_tile=lambda: ticks.append(None))
    image = picture(32, 32, seed=1).float()
    objective = objective_of(recording, make_params(), image, [image], limits)
    ticks.clear()

    for _ in range(3):
        objective.evaluate(image)

    assert len(ticks) == 3


def test_an_objective_frees_its_memory_at_once(
    network32: Network, make_params: MakeParams
) -> None:
    image = picture(32, 32, seed=1).float()
    gc.disable()  # a device is full before the collector comes
    try:
        objective = objective_of(network32, make_params(), image, [image])
        objective.evaluate(image)
        gone = weakref.ref(objective)
        del objective
        assert gone() is None
    finally:
        gc.enable()
