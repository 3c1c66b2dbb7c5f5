"""The optimization: content picture + style pictures -> one picture after another.

It is a generator. Whoever drives it decides when to checkpoint, report or stop, so
nothing here knows about jobs, files or clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from worker.engine.color import luminance, recolored, reduced
from worker.engine.descent import State
from worker.engine.objective import Objective
from worker.engine.optimizers import OPTIMIZERS
from worker.engine.pyramid import resize, scales

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

    from shared.params import StyleParams
    from worker.engine.features import Network
    from worker.engine.objective import Losses
    from worker.engine.pyramid import Scale

_OPTIMIZER = "optimizer."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All it takes to go on after one iteration, bit for bit, in another process.

    Targets are not in it: they are recomputed from the same pictures and come out the
    same. Holds references, not copies: nothing changes these tensors afterwards.

    Attributes:
        iteration: Iterations done, over all scales.
        scale: Index of the scale the image has, from 0.
        scale_iteration: Iterations done at that scale.
        tensors: "image", (1, 3, H, W), "point", where it is not what is optimized, and
            the optimizer's, by name.
        numbers: The optimizer's, by name; exact through JSON.
    """

    iteration: int
    scale: int
    scale_iteration: int
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, float]

    @property
    def image(self) -> Tensor:
        """The picture at this point; the result, if no iterations are left."""
        return self.tensors["image"]

    @property
    def point(self) -> Tensor:
        """What is optimized: the picture itself, or its brightness, (1, 1, H, W)."""
        return self.tensors.get("point", self.image)


@dataclass(frozen=True, slots=True)
class Iterate:
    """What one iteration left behind; stays valid.

    Attributes:
        iteration: Over all scales, from 1.
        scale: Index of the scale, from 0.
        scale_iteration: Within the scale, from 1.
        losses: Of the picture this iteration started from.
        image: The picture it arrived at, (1, 3, H, W), RGB in [0, 1]; of color
            "luminance", with the content's chroma put back.
    """

    iteration: int
    scale: int
    scale_iteration: int
    losses: Losses
    image: Tensor
    _point: Tensor
    _state: State

    def snapshot(self) -> Snapshot:
        """Everything needed to continue from here; costs nothing."""
        tensors = {
            _OPTIMIZER + name: each for name, each in self._state.tensors.items()
        }
        tensors["image"] = self.image
        if self._point is not self.image:
            tensors["point"] = self._point
        place = (self.iteration, self.scale, self.scale_iteration)
        return Snapshot(*place, tensors, self._state.numbers)


@torch.no_grad()
def stylize(
    content: Tensor,
    styles: Sequence[Tensor],
    params: StyleParams,
    network: Network,
    *,
    start: Tensor | None = None,
    resume: Snapshot | None = None,
) -> Iterator[Iterate]:
    """Optimize an image toward the content of one picture and the style of others.

    Args:
        content: (1, 3, H, W), RGB in [0, 1], any size; the result has its shape at a
            long side of params.max_edge.
        styles: (1, 3, h, w) each, RGB in [0, 1], any size; as many as params.styles.
        params: Weights, layers, optimizer and schedule.
        network: Built for params.network; its device and precision are used.
        start: The picture of init "image"; stretched to the content's shape.
        resume: Go on from here instead. When no iterations are left, nothing is
            yielded, and the result is `resume.image`.

    Yields:
        One `Iterate` per iteration.

    Raises:
        Diverged: The loss became NaN or infinite.
    """
    network = network.with_pooling(params.pooling)
    content, *styles = (_moved(image, network) for image in (content, *styles))
    if resume is None:
        first = {} if start is None else {"image": _begun(start, params, network)}
        here = Snapshot(0, 0, 0, first, {})
    else:
        moved = {name: _moved(each, network) for name, each in resume.tensors.items()}
        here = replace(resume, tensors=moved)
    colors = content
    content, styles = reduced(params.color, content, styles)
    for scale in scales(content, styles, params.stages, here.scale, params.style_scale):
        here = _enter(scale, here, params)
        show = _display(params, colors, scale)
        for iterate in _descend(scale, here, params, network, show):
            here = iterate.snapshot()
            yield iterate


def _moved(tensor: Tensor, network: Network) -> Tensor:
    """Copy to the network; into memory of our own, as alignment changes last bits."""
    moved = tensor.detach().to(network.device, network.dtype, copy=True)
    return moved.contiguous()


def _begun(start: Tensor, params: StyleParams, network: Network) -> Tensor:
    point = _moved(start, network)
    return luminance(point) if params.color == "luminance" else point


def _enter(scale: Scale, here: Snapshot, params: StyleParams) -> Snapshot:
    """Where to begin at `scale`: here, or with the picture resized, all else anew."""
    if here.iteration and here.scale == scale.index:
        return here
    image = scale.content
    if here.tensors:
        image = resize(here.point, (image.shape[2], image.shape[3]))
    elif params.init == "noise":
        image = _noise(image, params.seed)
    return Snapshot(here.iteration, scale.index, 0, {"image": image}, {})


def _display(
    params: StyleParams, colors: Tensor, scale: Scale
) -> Callable[[Tensor], Tensor]:
    """How what is optimized becomes the picture to look at."""
    if params.color != "luminance":
        return lambda point: point
    height, width = scale.content.shape[2:]
    content = resize(colors, (height, width))
    return lambda point: recolored(point, content)


def _noise(like: Tensor, seed: int) -> Tensor:
    """White noise, drawn on the CPU so that every device starts from the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(like.shape, generator=generator).to(like)


def _descend(
    scale: Scale,
    here: Snapshot,
    params: StyleParams,
    network: Network,
    show: Callable[[Tensor], Tensor],
) -> Iterator[Iterate]:
    """Run what is left of one scale."""
    if here.scale_iteration >= scale.iterations:
        return
    objective = Objective(network, params, scale.content, scale.styles)
    optimizer = OPTIMIZERS[params.optimizer or "lbfgs"]()
    optimizer.load(_optimizer_state(here))
    point, before = here.point, here.iteration - here.scale_iteration
    for done in range(here.scale_iteration + 1, scale.iterations + 1):
        losses, gradient = objective.evaluate(point)
        point = optimizer.step(point, losses.total, gradient)
        place, state = (before + done, scale.index, done), optimizer.state()
        yield Iterate(*place, losses, show(point), point, state)


def _optimizer_state(here: Snapshot) -> State:
    tensors = {
        name.removeprefix(_OPTIMIZER): each
        for name, each in here.tensors.items()
        if name.startswith(_OPTIMIZER)
    }
    return State(tensors, here.numbers)
