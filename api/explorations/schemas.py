"""Pydantic models of new explorations: form and JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from api.http.schemas import File, with_example
from api.jobs.request_schemas import ReuseWord
from shared.db.base import MAX_NAME
from shared.params.explore import MAX_PICTURES, ExploreParams


class ExplorationForm(BaseModel):
    """The multipart form that submits an exploration with its pictures."""

    model_config = ConfigDict(frozen=True)

    picture: list[File] = Field(
        default=[],
        max_length=MAX_PICTURES,
        description="pictures to look at; repeat the part",
    )
    params: ExploreParams = Field(default=ExploreParams(), description="as JSON")
    name: str | None = Field(default=None, max_length=MAX_NAME)
    reuse: ReuseWord = "never"


class ExplorationJson(ExploreParams):
    """An exploration of assets, or of the shipped pictures."""

    model_config = with_example(
        {"layers": ["relu3_1"], "top_k": 4, "name": "What relu3_1 sees"}
    )

    name: str | None = Field(default=None, max_length=MAX_NAME)
    reuse: ReuseWord = "never"
