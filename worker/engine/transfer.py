"""A run in legs: stretches of iterations with the same parameters at one scale.

The optimization: content picture + style pictures -> one picture after another.

It is a generator. Whoever drives it decides when to checkpoint, report or stop, so
nothing here knows about jobs, files or clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from shared.params.segments import steered
from worker.engine.averaging import Average, Stillness
from worker.engine.images.color import luminance, recolored, reduced
from worker.engine.images.inputs import Sources, Style
from worker.engine.images.pyramid import enlarged, resize, scales
from worker.engine.limits import Limits
from worker.engine.objective import Objective
from worker.engine.optimizers.registry import OPTIMIZERS
from worker.engine.snapshot import Iterate, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.engine.images.pyramid import Scale
    from worker.engine.optimizers.base import Remembers
    from worker.engine.vgg.network import Network


@dataclass(frozen=True, slots=True)
class Leg:
    """What is optimized until the next change.

    Attributes:
        params: In force.
        end: The iteration it ends with, counted over all scales.
        turns: Whether it begins with another objective, so that what the optimizer has
            learned about the curvature no longer holds.
        closes: Whether it ends the scale, so that no later step can undo its last one.
    """

    params: StyleParams
    end: int
    turns: bool
    closes: bool


def leg_at(
    params: StyleParams, segments: Sequence[Segment], scale: int, iteration: int
) -> Leg:
    """What holds after `iteration` iterations, at `scale`.

    Args:
        params: As submitted.
        segments: All changes, by the iteration they begin at.
        scale: Index from 0.
        iteration: Done so far, over all scales as planned: one that stopped early
            counts in full.
    """
    now = steered(
        params, [each for each in segments if each.from_iteration <= iteration]
    )
    end = scale_end(now, scale)
    ahead = [
        each.from_iteration
        for each in segments
        if iteration < each.from_iteration < end
    ]
    return Leg(
        params=now,
        end=min([end, *ahead]),
        turns=any(
            each.from_iteration == iteration and each.changes.bends for each in segments
        ),
        closes=not ahead,
    )


def scale_end(params: StyleParams, scale: int) -> int:
    """Iterations planned up to the end of a scale."""
    return sum(count for _, count in params.stages[: scale + 1])


_ALIGNMENT_BYTES = 64  # as torch allocates


def stylize(
    sources: Sources,
    params: StyleParams,
    network: Network,
    *,
    resume: Snapshot | None = None,
    segments: Sequence[Segment] = (),
    limits: Limits | None = None,
) -> Iterator[Iterate]:
    """Optimize an image toward the content of one picture and the style of others.

    Args:
        sources: The pictures; the result has the content's shape at a long side of
            params.max_edge.
        params: Weights, layers, optimizer and schedule, as submitted.
        network: Built for params.network; its device and precision are used.
        resume: Go on from here instead. When no iterations are left, nothing is
            yielded, and the result is `resume.image`.
        segments: Changes in mid-run. To change something now, end this run and begin
            another: resume from its last iterate, with a segment from there on.
        limits: Memory and signs of life; None: no limits.

    Yields:
        One `Iterate` per iteration.

    Raises:
        Diverged: The loss became NaN or infinite.
    """
    limits = limits or Limits()
    iterates = _iterates(sources, params, network, resume, segments, limits)
    return _without_gradients(iterates)


def _without_gradients(iterates: Iterator[Iterate]) -> Iterator[Iterate]:
    """Leave the mode of whoever drives the run alone, and keep no arguments alive."""
    while True:
        with torch.no_grad():
            iterate = next(iterates, None)
        if iterate is None:
            return
        yield iterate


def _iterates(
    sources: Sources,
    params: StyleParams,
    network: Network,
    resume: Snapshot | None,
    segments: Sequence[Segment],
    limits: Limits,
) -> Iterator[Iterate]:
    network = network.with_pooling(params.pooling)
    sources = _moved_all(sources, network)
    guide = _guide(sources, params)
    here = _beginning(guide, resume, network)
    del resume  # it would be kept until the run ends, and it is as large as the run
    colors = sources.content
    reduced_sources = reduced(params.color, sources)
    sides = [side for side, _ in params.stages]
    for scale in scales(reduced_sources, sides, here.scale, params.style_scale):
        leg = leg_at(params, segments, scale.index, here.iteration)
        detail = guide if leg.params.content_weight else None
        here = _enter(scale, here, detail, params.seed)
        run = _Run(network, scale, resize(colors, scale.size), params, limits)
        run.load(here)
        while (leg := leg_at(params, segments, scale.index, here.iteration)).end > (
            here.iteration
        ):
            if run.is_still and not leg.turns:
                here = replace(here, iteration=leg.end)
                continue
            for iterate in run.descend(leg, here):
                here = iterate.snapshot()
                yield iterate


class _Run:
    """One scale's share of a run."""

    def __init__(
        self,
        network: Network,
        scale: Scale,
        colors: Tensor,
        params: StyleParams,
        limits: Limits,
    ) -> None:
        self._network, self._scale, self._limits = network, scale, limits
        self._colors = colors  # the content, (1, 3, H, W), whatever is optimized
        self._begins = scale_end(params, scale.index - 1) if scale.index else 0
        self._stillness = Stillness(params.early_stop)

    def load(self, here: Snapshot) -> None:
        """Continue from a snapshot of this scale, or from its beginning."""
        self._stillness.load(here.state("still"))

    @property
    def is_still(self) -> bool:
        """Whether nothing visible changes any more."""
        return self._stillness.reached

    def descend(self, leg: Leg, here: Snapshot) -> Iterator[Iterate]:
        """Run one leg, or until nothing changes."""
        objective = Objective(self._network, leg.params, self._scale, self._limits)
        optimizer = OPTIMIZERS[leg.params.optimizer or "lbfgs"](self._limits.step)
        average = Average(leg.params.averaging or 0.0)
        optimizer.load(here.state("optimizer"))
        average.load(here.state("average"))
        if leg.turns:
            optimizer.turn()
            self._stillness.reached = False
        owners: dict[str, Remembers] = {
            "optimizer": optimizer,
            "average": average,
            "still": self._stillness,
        }
        point, begin = here.point, here.iteration
        del here
        for iteration in range(begin + 1, leg.end + 1):
            losses, gradient = objective.evaluate(point)
            point = optimizer.step(point, losses.total, gradient)
            if leg.closes and iteration == leg.end and optimizer.doubts(point):
                after, slope = objective.evaluate(point)
                point = optimizer.settle(point, after.total, slope)
            result = average.add(point)
            image = self._shown(result, leg.params)
            self._stillness.watch(image)
            place = (iteration, self._scale.index, iteration - self._begins)
            states = {owner: each.state() for owner, each in owners.items()}
            yield Iterate(*place, losses, image, point, result, states)
            if self._stillness.reached:
                return

    def _shown(self, result: Tensor, params: StyleParams) -> Tensor:
        """The picture to look at."""
        if params.color == "luminance":
            return recolored(result, self._colors)
        if params.color == "chroma":
            return recolored(luminance(result), self._colors)
        return result


def _moved_all(sources: Sources, network: Network) -> Sources:
    def moved(image: Tensor | None) -> Tensor | None:
        return None if image is None else _moved(image, network)

    styles = tuple(
        Style(_moved(style.image, network), moved(style.mask), moved(style.region))
        for style in sources.styles
    )
    return Sources(_moved(sources.content, network), styles, moved(sources.start))


def _moved(tensor: Tensor, network: Network) -> Tensor:
    """Move to the network, and into aligned memory: alignment changes last bits."""
    moved = tensor.detach().to(network.device, network.dtype).contiguous()
    return moved.clone() if moved.data_ptr() % _ALIGNMENT_BYTES else moved


def _guide(sources: Sources, params: StyleParams) -> Tensor | None:
    """What the run begins with, whose detail larger scales may get; None: noise."""
    if params.init == "noise":
        return None
    start = sources.content if sources.start is None else sources.start
    return luminance(start) if params.color == "luminance" else start


def _beginning(
    guide: Tensor | None, resume: Snapshot | None, network: Network
) -> Snapshot:
    if resume is not None:
        tensors = {name: _moved(each, network) for name, each in resume.tensors.items()}
        return replace(resume, tensors=tensors)
    return Snapshot(0, 0, 0, {} if guide is None else {"image": guide}, {})


def _enter(scale: Scale, here: Snapshot, detail: Tensor | None, seed: int) -> Snapshot:
    """Where to begin at `scale`: here, or with the picture enlarged, all else anew.

    Adam's moments too: those of fewer and larger pixels have another size.

    Args:
        scale: To begin.
        here: Where the run is.
        detail: The picture whose detail an enlarged one gets; None: none.
        seed: Of the noise that a run without a start picture begins with.
    """
    if here.iteration and here.scale == scale.index:
        return here
    if not here.tensors:
        image = _noise(scale.content, seed)
    elif not here.iteration:
        image = resize(here.result, scale.size)
    else:
        image = enlarged(here.result, detail, scale.size)
    return Snapshot(here.iteration, scale.index, 0, {"image": image}, {})


def _noise(like: Tensor, seed: int) -> Tensor:
    """White noise, drawn on the CPU so that every device starts from the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(like.shape, generator=generator).to(like)
