"""The forms of new jobs, as Pydantic models: for their OpenAPI description alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from api.bodies import MAX_ATTEMPTS, Metadata, OptionsBody, ReuseWord, Tags
from api.examples import NEW_JOB
from shared.columns import MAX_NAME
from shared.exploring import MAX_PICTURES, ExploreParams
from shared.jobs import SENT_FOR, Purpose
from shared.params import MAX_STYLES, StyleParams
from shared.schedules import MAX_ITERATIONS
from shared.steering import Segment

File = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]

SentFor = Annotated[Purpose, WithJsonSchema({"type": "string", "enum": [*SENT_FOR]})]

MAX_EXPIRES_IN = 10 * 366 * 86_400  # seconds: ten years

JSON_FIELDS = (
    "params",
    "segments",
    "tags",
    "metadata",
)  # of JobForm; also taken as files


def _with_style_files(schema: dict[str, Any]) -> None:
    """Add the files that belong to one style each, by its number."""
    what = {
        "mask": "of the photo's shape, bright where style {} goes",
        "region": "of the shape of style {}, bright where the style is taken from",
    }
    for role, about in what.items():
        for number in range(MAX_STYLES):
            schema["properties"][f"{role}_{number}"] = {
                "type": "string",
                "format": "binary",
                "description": about.format(number),
            }


class JobForm(BaseModel):
    """The multipart form that submits a job."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_with_style_files)

    content: File = Field(description="the photo")
    style: list[File] = Field(
        min_length=1,
        max_length=MAX_STYLES,
        description="one or more paintings; repeat the part",
    )
    init_image: File | None = Field(
        default=None, description="where to start, with init: image"
    )
    params: StyleParams = Field(default=StyleParams(), description="as JSON")
    segments: list[Segment] = Field(
        default=[], description="as JSON: changes planned for mid-run, in their order"
    )
    name: str | None = Field(default=None, max_length=MAX_NAME)
    tags: Tags = Field(default=(), description="as JSON")
    metadata: Metadata = Field(default={}, description="as JSON")
    reuse: ReuseWord = "never"
    priority: Literal["low", "normal", "high"] = Field(
        default="normal", description="a step is worth an hour of waiting"
    )
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ATTEMPTS,
        description="tries; default: IMPASTO_MAX_ATTEMPTS",
    )
    keep_every: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ITERATIONS,
        description="iterations between checkpoints kept for forks",
    )
    start_deadline: str | None = Field(
        default=None,
        description="expires if not started by then: RFC 3339, or seconds from now",
    )
    cancel_after: str | None = Field(
        default=None,
        description="canceled if not done by then: RFC 3339, or seconds from now",
    )


class JobJson(StyleParams, OptionsBody):
    """A job of pictures that were sent before.

    Parameters stand beside the options, or in `params`, where a job has them.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "title": "JobJson",
            "required": ["content", "styles"],
            "example": NEW_JOB,
        }
    )

    params: StyleParams | None = Field(
        default=None,
        description="any of the parameters, as in a job: that of another can be sent "
        "as it is; those beside it are added",
    )
    segments: list[Segment] = Field(
        default=[], description="changes planned for mid-run, in their order"
    )


class AssetForm(BaseModel):
    """The multipart form that uploads a picture."""

    model_config = ConfigDict(frozen=True)

    file: File = Field(description="the picture")
    sha256: str | None = Field(
        default=None,
        description="of the file, in hex; 409 if other bytes arrive. As good: the "
        "header Content-Digest, of the request or of the part, that of the file",
    )
    purpose: SentFor = Field(
        default=Purpose.ANY, description="what it is for; pictures are listed by it"
    )
    expires_in: int | None = Field(
        default=None,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="seconds after which it goes, unless a job uses it; default: never",
    )


class ExplorationForm(BaseModel):
    """The multipart form that submits an exploration; without pictures, no form."""

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
    """An exploration of pictures sent before, or of the shipped set."""

    name: str | None = Field(default=None, max_length=MAX_NAME)
    reuse: ReuseWord = "never"
