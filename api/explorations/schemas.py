"""Pydantic models of new explorations: JSON body and form."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from api.http.schemas import File, with_example
from api.jobs.request_schemas import JobOptions
from shared.params.explore import MAX_PICTURES, ExploreParams
from shared.params.kinds import Params


class ExplorationRequest(JobOptions, ExploreParams):
    """Exploration of assets, or of the shipped pictures.

    Parameters are members beside the options, or in `params` as in the job object.
    """

    model_config = with_example(
        {"layers": ["relu3_1"], "top_k": 4, "name": "What relu3_1 sees"}
    )

    params_model: ClassVar[type[Params]] = ExploreParams

    params: ExploreParams | None = Field(
        default=None, description="parameters, as in the job object"
    )


class ExplorationForm(JobOptions):
    """Multipart form that submits an exploration with its pictures."""

    picture: list[File] = Field(
        default=[],
        max_length=MAX_PICTURES,
        description="pictures to explore; one part for each",
    )
    params: ExploreParams = Field(
        default=ExploreParams(),
        description="parameters as JSON",
        examples=[{"layers": ["relu3_1"]}],
    )
