"""Style transfer: optimizes an image, scale by scale, and yields every iterate.

Each scale consists of phases: iterations with the same parameters. `stylize` is a
generator: its caller decides when to checkpoint, report or stop. So this module does
not depend on jobs, files or clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from shared.params.segments import apply_segments
from worker.engine.averaging import EarlyStopping, IterateAverage
from worker.engine.images.color import apply_color_mode, restore_chroma, to_luminance
from worker.engine.images.periodic import periodic_part
from worker.engine.images.pyramid import build_scales, enlarge_with_detail, resize
from worker.engine.images.tiling import RunLimits
from worker.engine.neighbor_style import NeighborMatches
from worker.engine.objective import Objective
from worker.engine.optimizers.adam import Adam
from worker.engine.optimizers.gradient_descent import GradientDescent
from worker.engine.optimizers.lbfgs import Lbfgs
from worker.engine.snapshot import Iterate, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.engine.images.inputs import TransferInputs
    from worker.engine.images.pyramid import PyramidScale
    from worker.engine.optimizers.base import Optimizer, Stateful
    from worker.engine.vgg.network import Network


@dataclass(frozen=True, slots=True)
class Phase:
    """Iterations of one scale with the same parameters.

    Attributes:
        params: Parameters of the phase.
        end: Last iteration of the phase, counted over all scales.
        changes_objective: Whether it begins with another objective, so that the
            optimizer's curvature pairs are no longer valid.
        ends_scale: Whether it ends the scale, so that no later step can undo its last
            step.
    """

    params: StyleParams
    end: int
    changes_objective: bool
    ends_scale: bool


def find_phase(
    params: StyleParams, segments: Sequence[Segment], scale: int, iteration: int
) -> Phase:
    """Find the phase that follows `iteration` iterations, at `scale`.

    Args:
        params: Parameters as submitted.
        segments: All changes of parameters, ordered by their first iteration.
        scale: Index of the scale, from 0.
        iteration: Number of iterations done over all scales; a scale that stopped
            early counts in full.
    """
    current_params = apply_segments(
        params,
        [segment for segment in segments if segment.from_iteration <= iteration],
    )
    end = compute_scale_end(current_params, scale)
    next_changes = [
        segment.from_iteration
        for segment in segments
        if iteration < segment.from_iteration < end
    ]
    return Phase(
        params=current_params,
        end=min([end, *next_changes]),
        changes_objective=any(
            segment.from_iteration == iteration and segment.changes.changes_objective
            for segment in segments
        ),
        ends_scale=not next_changes,
    )


def compute_scale_end(params: StyleParams, scale: int) -> int:
    """Return the number of iterations planned up to the end of a scale."""
    return sum(count for _, count in params.stages[: scale + 1])


# The argument of each class is the factor of its steps.
OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {
    "lbfgs": Lbfgs,
    "adam": Adam,
    "gd": GradientDescent,
}
_ALIGNMENT_BYTES = 64  # alignment of tensors that torch allocates


def stylize(
    inputs: TransferInputs,
    params: StyleParams,
    network: Network,
    *,
    resume: Snapshot | None = None,
    segments: Sequence[Segment] = (),
    limits: RunLimits | None = None,
) -> Iterator[Iterate]:
    """Optimize an image toward the content of one picture and the style of others.

    Args:
        inputs: Content, styles and start image; the result has the content's shape at a
            long side of params.max_edge.
        params: Weights, layers, optimizer and schedule, as submitted.
        network: Network built for params.network; its device and precision are used.
        resume: Snapshot to resume from, or None to begin. If no iterations are left,
            nothing is yielded, and the result is `resume.image`.
        segments: Changes of parameters in mid-run. To steer the run, append a segment
            between two iterates that begins at the last iteration. It takes effect with
            the next one, with the same bits as if it had been there from the start.
        limits: Memory, step scale and callback; None for no limits.

    Yields:
        One `Iterate` per iteration.

    Raises:
        Diverged: The loss became NaN or infinite.
    """
    limits = limits or RunLimits()
    iterates = _iterate_scales(inputs, params, network, resume, segments, limits)
    return _disable_gradients(iterates)


def _disable_gradients(iterates: Iterator[Iterate]) -> Iterator[Iterate]:
    """Disable autograd inside the iterator, without changing the caller's mode.

    This is a separate function, so that it does not keep the caller's arguments alive.
    """
    while True:
        with torch.no_grad():
            iterate = next(iterates, None)
        if iterate is None:
            return
        yield iterate


def _iterate_scales(
    inputs: TransferInputs,
    params: StyleParams,
    network: Network,
    resume: Snapshot | None,
    segments: Sequence[Segment],
    limits: RunLimits,
) -> Iterator[Iterate]:
    network = network.with_pooling(params.pooling)
    inputs = _move_inputs(inputs, network)
    if params.seamless:
        inputs = _make_seamless(inputs)
    guide = _choose_guide(inputs, params)
    snapshot = _make_first_snapshot(guide, resume, network)
    del resume  # frees its tensors, which are as large as the state of the run
    colors = inputs.content
    scale_inputs = apply_color_mode(params.color, inputs)
    sides = [side for side, _ in params.stages]
    seamless = params.seamless
    scales = build_scales(
        scale_inputs, sides, snapshot.scale, params.style_scale, seamless=seamless
    )
    for scale in scales:
        phase = find_phase(params, segments, scale.index, snapshot.iteration)
        detail = guide if phase.params.content_weight else None
        snapshot = _begin_scale(scale, snapshot, detail, params)
        scale_colors = resize(colors, scale.size, wraps=seamless)
        run = _ScaleRun(network, scale, scale_colors, params, limits)
        while (
            phase := find_phase(params, segments, scale.index, snapshot.iteration)
        ).end > snapshot.iteration:
            if snapshot.stopped_early and not phase.changes_objective:
                snapshot = replace(snapshot, iteration=phase.end)
                continue
            segment_count = len(segments)
            for iterate in run.iterate_phase(phase, snapshot):
                snapshot = iterate.snapshot()
                yield iterate
                if len(segments) > segment_count:
                    break  # a segment was added: find the phase again


@dataclass(frozen=True, slots=True)
class _ScaleRun:
    """Run of one scale, phase by phase.

    Attributes:
        network: Network to compute with.
        scale: Scale to optimize.
        colors: Content at the size of the scale, (1, 3, H, W), also when luminance is
            optimized.
        params: Parameters as submitted.
        limits: Limits of the run.
    """

    network: Network
    scale: PyramidScale
    colors: Tensor
    params: StyleParams
    limits: RunLimits

    def iterate_phase(self, phase: Phase, snapshot: Snapshot) -> Iterator[Iterate]:
        """Optimize until the end of a phase or until early stopping."""
        params = phase.params
        matches = NeighborMatches()
        matches.load_state(snapshot.component_state("neighbors"))
        objective = Objective(
            self.network, params, self.scale, self.limits, snapshot.point, matches
        )
        optimizer = OPTIMIZERS[params.optimizer or "lbfgs"](self.limits.step_scale)
        average = IterateAverage(params.averaging or 0.0)
        optimizer.load_state(snapshot.component_state("optimizer"))
        average.load_state(snapshot.component_state("average"))
        early_stopping = EarlyStopping(self.params.early_stop)
        early_stopping.load_state(snapshot.component_state("still"))
        if phase.changes_objective:
            optimizer.handle_objective_change()
            early_stopping.is_triggered = False
        components: dict[str, Stateful] = {
            "optimizer": optimizer,
            "average": average,
            "still": early_stopping,
            "neighbors": matches,
        }
        index = self.scale.index
        first_iteration = compute_scale_end(self.params, index - 1) if index else 0
        point, begin = snapshot.point, snapshot.iteration
        del snapshot
        for iteration in range(begin + 1, phase.end + 1):
            losses, gradient = objective.evaluate(point)
            point = optimizer.step(point, losses.total, gradient)
            is_last = phase.ends_scale and iteration == phase.end
            if is_last and optimizer.needs_verification(point):
                final_losses, final_gradient = objective.evaluate(point)
                point = optimizer.accept_or_revert(
                    point, final_losses.total, final_gradient
                )
            result = average.update(point)
            image = self._restore_color(result, params)
            early_stopping.update(image)
            position = (iteration, index, iteration - first_iteration)
            states = {
                name: component.save_state() for name, component in components.items()
            }
            yield Iterate(*position, losses, image, point, result, states)
            if early_stopping.is_triggered:
                return

    def _restore_color(self, result: Tensor, params: StyleParams) -> Tensor:
        """Return the result with the chroma that the color mode requires."""
        if params.color == "luminance":
            return restore_chroma(result, self.colors)
        if params.color == "chroma":
            return restore_chroma(to_luminance(result), self.colors)
        return result


def _move_inputs(inputs: TransferInputs, network: Network) -> TransferInputs:
    def move(image: Tensor | None) -> Tensor | None:
        return None if image is None else _move(image, network)

    styles = tuple(
        replace(
            style,
            image=_move(style.image, network),
            mask=move(style.mask),
            region=move(style.region),
        )
        for style in inputs.styles
    )
    return replace(
        inputs,
        content=_move(inputs.content, network),
        styles=styles,
        start=move(inputs.start),
    )


def _move(tensor: Tensor, network: Network) -> Tensor:
    """Move a tensor to the device, into aligned memory: alignment changes last bits."""
    moved = tensor.detach().to(network.device, network.dtype).contiguous()
    return moved.clone() if moved.data_ptr() % _ALIGNMENT_BYTES else moved


def _make_seamless(inputs: TransferInputs) -> TransferInputs:
    start = None if inputs.start is None else periodic_part(inputs.start)
    return replace(inputs, content=periodic_part(inputs.content), start=start)


def _choose_guide(inputs: TransferInputs, params: StyleParams) -> Tensor | None:
    """Return the start image, a source of detail for larger scales; None for noise."""
    if params.init == "noise":
        return None
    start = inputs.content if inputs.start is None else inputs.start
    return to_luminance(start) if params.color == "luminance" else start


def _make_first_snapshot(
    guide: Tensor | None, resume: Snapshot | None, network: Network
) -> Snapshot:
    if resume is not None:
        tensors = {
            name: _move(tensor, network) for name, tensor in resume.tensors.items()
        }
        return replace(resume, tensors=tensors)
    return Snapshot(0, 0, 0, {} if guide is None else {"image": guide}, {})


def _begin_scale(
    scale: PyramidScale, snapshot: Snapshot, detail: Tensor | None, params: StyleParams
) -> Snapshot:
    """Return the snapshot to begin `scale` with: the same, or only an enlarged image.

    An enlarged image begins without the state of the components, since for example
    Adam's moments have the size of the smaller image.

    Args:
        scale: Scale to begin.
        snapshot: Snapshot of the run.
        detail: Image whose detail is added to an enlarged image; None for no detail.
        params: Parameters with the seed of the noise that a run without a start image
            begins with, and whether opposite edges meet.
    """
    if snapshot.iteration and snapshot.scale == scale.index:
        return snapshot
    if not snapshot.tensors:
        image = _make_noise(scale.content, params.seed)
    elif not snapshot.iteration:
        image = resize(snapshot.result, scale.size, wraps=params.seamless)
    else:
        image = enlarge_with_detail(
            snapshot.result, detail, scale.size, wraps=params.seamless
        )
    return Snapshot(snapshot.iteration, scale.index, 0, {"image": image}, {})


def _make_noise(like: Tensor, seed: int) -> Tensor:
    """Draw white noise on the CPU, so that it is the same for every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(like.shape, generator=generator).to(like)
