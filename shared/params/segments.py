"""Steering: parameters that can change in mid-run, and the segments of a run.

A change takes effect between two iterations. It is stored with the iteration it
begins at, so that a replay from the same segments gives the same picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.params.schedule import MAX_ITERATIONS
from shared.params.style import StyleParams, StyleWeight, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class StyleShare(BaseModel):
    """New weight of one style picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: StyleWeight


class Changes(BaseModel):
    """Changes of parameters; a parameter that is None stays the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_weight: Weight | None = Field(
        default=None, description="weight of the photo"
    )
    style_weight: Weight | None = Field(
        default=None, description="weight of the paintings"
    )
    tv_weight: Weight | None = Field(
        default=None, description="weight of the total variation"
    )
    styles: Annotated[tuple[StyleShare, ...], Field(max_length=8)] | None = Field(
        default=None, description="weight of every style picture, in their order"
    )
    iterations: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ITERATIONS,
        description="iterations of the last scale; if it has done as many, it ends at "
        "once",
    )

    @property
    def changes_objective(self) -> bool:
        """Whether the objective changes, not only the number of iterations."""
        weights = (self.content_weight, self.style_weight, self.tv_weight, self.styles)
        return any(weight is not None for weight in weights)

    def to_json(self) -> dict[str, Any]:
        """Return the changes as JSON, without parameters that stay the same."""
        return self.model_dump(mode="json", exclude_none=True)


class Segment(BaseModel):
    """Changes that take effect with the iteration after `from_iteration`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_iteration: int = Field(ge=0, le=MAX_ITERATIONS)
    changes: Changes


def apply_segments(params: StyleParams, segments: Iterable[Segment]) -> StyleParams:
    """Apply the changes of all segments, one after the other.

    Raises:
        ValueError: The changes set all weights to 0, do not have one weight per style,
            or plan too many iterations (pydantic's ValidationError, whose locations
            are those of `StyleParams`).
    """
    for segment in segments:
        params = StyleParams.model_validate(_apply_changes(params, segment.changes))
    return params


def with_last_iterations(
    stages: Sequence[tuple[int, int]], iterations: int | None
) -> tuple[tuple[int, int], ...]:
    """Return the stages with the iterations of the last scale replaced, unless None.

    Only this part of a change affects the duration of a job; weights do not.
    """
    *others, (side, count) = stages
    return (*others, (side, count if iterations is None else iterations))


def _apply_changes(params: StyleParams, changes: Changes) -> dict[str, Any]:
    document = params.model_dump() | changes.model_dump(
        exclude_none=True, exclude={"styles", "iterations"}
    )
    if changes.styles is not None:
        if len(changes.styles) != len(params.styles):
            raise ValueError(
                f"{len(changes.styles)} weights for {len(params.styles)} styles"
            )
        for style, share in zip(document["styles"], changes.styles, strict=True):
            style["weight"] = share.weight
    if changes.iterations is not None:
        document["schedule"] = with_last_iterations(params.stages, changes.iterations)
    return document
