"""Kinds of jobs, and the parameters of each."""

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


PARAMS_BY_KIND: Mapping[JobKind, type[Params]] = {
    JobKind.STYLE: StyleParams,
    JobKind.EXPLORE: ExploreParams,
}


def kind_of(params: Params) -> JobKind:
    """Return the kind of a job with these parameters."""
    return next(
        kind for kind, model in PARAMS_BY_KIND.items() if isinstance(params, model)
    )


def read_params(kind: JobKind, document: Mapping[str, Any]) -> Params:
    """Validate the parameters stored in a job's row."""
    return PARAMS_BY_KIND[kind].model_validate(document)
