"""Kinds of jobs, and the parameters of each kind."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.params.explore import ExploreParams
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Mapping

Params = StyleParams | ExploreParams


class JobKind(StrEnum):
    """Kind of a job: what it makes."""

    STYLE = "style"  # a picture in the style of others
    EXPLORE = "explore"  # patches that activate the units of a network most


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
