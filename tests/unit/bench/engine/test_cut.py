"""A peer that is cut off leaves the picture of that moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image
from torch.optim import LBFGS
from typing_extensions import override

from bench.engine.layers import CHANNELS, CONVOLUTIONS
from bench.engine.measured_process import Stopwatch, Task
from bench.engine.peers.cut import cut_lbfgs
from bench.engine.peers.weights import gatys

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

TARGET = torch.tensor([9.0, 90.0, 200.0])


class SteppingClock(Stopwatch):
    """Each look takes one second."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    @override
    def cpu_s(self) -> float:
        self.looks += 1
        return float(self.looks)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(
        folder=str(tmp_path),
        photo="photo.png",
        painting="painting.png",
        weights=str(tmp_path),
        edge=4,
        iterations=[600],
    )


def finish(tensor: Tensor) -> Image.Image:
    red, green, blue = (round(value) for value in tensor.tolist())
    return Image.new("RGB", (1, 1), (red, green, blue))


def run(image: Tensor) -> list[Tensor]:
    """Minimize; return the picture at each evaluation."""
    optimizer = LBFGS([image], lr=0.1, max_iter=20)
    seen = []

    def closure() -> Tensor:
        seen.append(image.detach().clone())
        optimizer.zero_grad()
        loss = ((image - TARGET) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return seen


def start() -> Tensor:
    return torch.zeros(1, 3, requires_grad=True)


@pytest.mark.parametrize(("limit_s", "evaluations"), [(1, 1), (4, 4)])
def test_the_picture_is_that_of_the_first_evaluation_after_the_limit(
    task: Task, limit_s: float, evaluations: int
) -> None:
    image = start()
    LBFGS([image])  # torch wraps `step` when the first one is made
    original = LBFGS.step

    with cut_lbfgs(replace(task, limit_s=limit_s), SteppingClock(), "finish") as found:
        run(image)
        raise AssertionError("the block went on")

    assert found == {"evaluations": evaluations}
    expected = run(start())[evaluations]
    torch.testing.assert_close(image.detach(), expected)
    with Image.open(task.picture) as picture:
        assert picture.getpixel((0, 0)) == finish(expected[0]).getpixel((0, 0))
    assert LBFGS.step is original


def test_without_a_limit_a_peer_runs_to_its_end(task: Task) -> None:
    with cut_lbfgs(task, SteppingClock(), "finish") as found:
        count = len(run(start()))

    assert found == {"evaluations": count}
    assert count > 10
    assert not task.picture.exists()


def make_weights() -> dict[str, Tensor]:
    return {
        f"features.{CONVOLUTIONS[name]}.{kind}": tensor
        for name, width, before in layer_widths()
        for kind, tensor in (
            ("weight", torch.rand(width, before, 3, 3)),
            ("bias", torch.rand(width)),
        )
    }


def layer_widths() -> list[tuple[str, int, int]]:
    """Layers of VGG-16 with fewer channels."""
    widths = [channels // 64 for channels in CHANNELS.values()]
    return list(zip(CHANNELS, widths, [3, *widths], strict=False))


def test_weights_by_the_names_of_gatys_take_bgr() -> None:
    weights = make_weights()

    found = gatys(weights)

    assert len(found) == len(weights)
    assert torch.equal(found["conv5_1.bias"], weights["features.24.bias"])
    first = weights["features.0.weight"]
    assert torch.equal(found["conv1_1.weight"][:, 0], first[:, 2])
