"""The kinds of jobs, and what parameters each has."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.params.explore import ExploreParams
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Mapping

Params = StyleParams | ExploreParams


class JobKind(StrEnum):
    """What a job is about."""

    STYLE = "style"  # one picture in the style of others
    EXPLORE = "explore"  # what excites the units of a network


PARAMS: Mapping[JobKind, type[Params]] = {
    JobKind.STYLE: StyleParams,
    JobKind.EXPLORE: ExploreParams,
}


def kind_of(params: Params) -> JobKind:
    """Tell the kind of a job by its parameters."""
    return next(kind for kind, model in PARAMS.items() if isinstance(params, model))


def read_params(kind: JobKind, document: Mapping[str, Any]) -> Params:
    """Read the parameters that a job's row holds."""
    return PARAMS[kind].model_validate(document)
