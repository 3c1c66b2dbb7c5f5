"""Capture and replay, with a fake of a CUDA graph: fixed memory, no arguments."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import torch

from tests.unit.worker.engine.conftest import (
    last,
    make_inputs,
    make_objective,
    picture,
    through_json,
)
from worker.engine.images.tiling import RunLimits
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
    """Fake of CUDA graphs: results appear in the first outputs, on replay only."""

    def __init__(self) -> None:
        self.captured = self.replayed = 0

    def capture(self, function: Callable[[], tuple[Tensor, ...]]) -> CapturedGraph:
        self.captured += 1
        outputs = tuple(torch.full_like(each, torch.nan) for each in function())

        def replay() -> None:
            self.replayed += 1
            for place, each in zip(outputs, function(), strict=True):
                place.copy_(each)

        return CapturedGraph(replay, outputs)


@pytest.fixture
def graphs() -> FakeGraphs:
    return FakeGraphs()


@pytest.fixture
def graph_network(weights: dict[str, Tensor], graphs: FakeGraphs) -> Network:
    single = {name: tensor.float() for name, tensor in weights.items()}
    return build_network(
        "vgg16", single, torch.device("cpu"), capture_graph=graphs.capture
    )


def test_every_call_sees_its_own_argument_and_keeps_its_own_result(
    graphs: FakeGraphs,
) -> None:
    graphed_callable = GraphedCallable(graphs.capture)
    arguments = [torch.full((2,), float(i)) for i in range(3)]

    results = [
        graphed_callable.run(lambda x: (x + 1, x * 2), each) for each in arguments
    ]

    for i, (more, twice) in enumerate(results):
        assert more.tolist() == [i + 1] * 2
        assert twice.tolist() == [i * 2] * 2
    assert (graphs.captured, graphs.replayed) == (1, 3)


def test_the_argument_is_left_alone(graphs: FakeGraphs) -> None:
    graphed_callable = GraphedCallable(graphs.capture)
    first, second = torch.zeros(2), torch.ones(2)

    graphed_callable.run(lambda x: (x.clone(),), first)
    graphed_callable.run(lambda x: (x.clone(),), second)

    assert first.tolist() == [0, 0]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_with_graphs_is_the_run_without(
    graph_network: Network,
    network32: Network,
    graphs: FakeGraphs,
    make_params: MakeParams,
    optimizer: str,
) -> None:
    params = make_params(optimizer=optimizer, tv_weight=0.1)
    content, style = picture(48, 80, seed=1).float(), picture(70, 50, seed=2).float()
    inputs = make_inputs(content, style)

    with_graphs = list(stylize(inputs, params, graph_network))
    without = list(stylize(inputs, params, network32))
    captured = graphs.captured
    halfway = through_json(with_graphs[5].snapshot())
    resumed = last(stylize(inputs, params, graph_network, resume=halfway))

    for one, other in zip(with_graphs, without, strict=True):
        assert one.losses == other.losses
        assert torch.equal(one.image, other.image)
    assert torch.equal(resumed.image, without[-1].image)
    assert captured == 2  # once per scale


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({"style_loss": "wasserstein"}, RunLimits()),
        ({"style_loss": "neighbors"}, RunLimits()),
        ({"content_loss": "relations"}, RunLimits()),
        ({}, RunLimits(tile_pixels=1)),
    ],
)
def test_work_that_reads_back_is_not_captured(
    graph_network: Network,
    graphs: FakeGraphs,
    make_params: MakeParams,
    changes: dict[str, str],
    limits: RunLimits,
) -> None:
    image = picture(100, 90, seed=1).float()

    make_objective(
        graph_network, make_params(**changes), image, [image], limits
    ).evaluate(image)

    assert graphs.captured == 0


def test_a_sign_of_life_is_given_at_every_replay(
    graph_network: Network, make_params: MakeParams
) -> None:
    calls: list[None] = []
    limits = RunLimits(after_tile=lambda: calls.append(None))
    image = picture(32, 32, seed=1).float()
    objective = make_objective(graph_network, make_params(), image, [image], limits)
    calls.clear()

    for _ in range(3):
        objective.evaluate(image)

    assert len(calls) == 3


def test_an_objective_frees_its_memory_at_once(
    network32: Network, make_params: MakeParams
) -> None:
    image = picture(32, 32, seed=1).float()
    gc.disable()  # a device is full before the collector comes
    try:
        objective = make_objective(network32, make_params(), image, [image])
        objective.evaluate(image)
        gone = weakref.ref(objective)
        del objective
        assert gone() is None
    finally:
        gc.enable()
