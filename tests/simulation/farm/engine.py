"""Engine of hash chains, whose iterations take virtual time and nothing else."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from PIL import Image

from chaos.workers import hash_chain_run
from shared.errors import DeviceFailed
from worker.attempts.inputs import read_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.farm.world import World

FOREVER = 1e9


def small_picture(color: int) -> bytes:
    """Make the smallest picture that a job takes."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (color, color, color)).save(buffer, "PNG")
    return buffer.getvalue()


class FakeNetworks:
    """Networks that nobody looks through."""

    def get(self, name: str, *, float32: bool = False) -> tuple[Any, str]:
        """Return a network without layers, and a digest."""
        layer = SimpleNamespace(
            name="relu1_1", channels=64, item_bytes=4, pools_input=False
        )
        return SimpleNamespace(layers_up_to=lambda names: (layer,)), "digest"


class Engine:
    """Engine of a farm: notes every iteration that a worker does.

    Attributes:
        done: By job: (iteration, virtual time, worker's process), in order.
        hung: Worker's processes whose iteration hangs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.done: dict[str, list[tuple[int, float, str]]] = {}
        self.hung: set[str] = set()
        self._inputs: dict[str, Any] = {}

    def stylize(
        self, inputs: Any, params: Any, *network: Any, **more: Any
    ) -> Iterator[Any]:
        """Yield the iterates of a hash chain."""
        chain = hash_chain_run._chain(inputs, params, more["resume"], more["segments"])
        for iterate in chain:
            worker = self._world.scheduler.current.process
            done = self.done.setdefault(worker.runner.job_id, [])
            done.append((iterate.iteration, self._world.scheduler.now, worker.name))
            self._world.scheduler.note(worker.name, f"iteration {iterate.iteration}")
            yield iterate

    def pass_time(self, _seconds: float) -> None:
        """Let an iteration take its time; a broken device fails, a hung one hangs."""
        worker = self._world.scheduler.current.process
        if worker.is_broken:
            raise DeviceFailed("the device failed")
        seconds = FOREVER if worker.is_hung else self._world.iteration_seconds
        if worker.is_hung:
            self.hung.add(worker.name)
        self._world.scheduler.sleep(seconds * self._world.rng.uniform(0.8, 1.2))

    def read_inputs(self, storage: Any, claim: Any, device: Any) -> Any:
        """Read a job's pictures; decode equal ones once."""
        blobs = [blob for role in claim.inputs.values() for blob in role.values()]
        name = "".join(blob.digest for blob in blobs) + str(claim.params.max_edge)
        if name not in self._inputs:
            self._inputs[name] = read_inputs(storage, claim, device)
        else:
            for blob in blobs:
                storage.get(blob.key)
        return self._inputs[name]
