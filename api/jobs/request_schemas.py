"""Pydantic models of requests on jobs: submissions, changes and actions.

`JobRequest` validates a submission in JSON. `api/jobs/submission_content.py` converts a
form to such JSON first.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.http.schemas import (
    EXAMPLE_ASSET_ID,
    File,
    RequestBody,
    with_example,
    without_null,
)
from api.job_view.schemas import PRIORITIES, PriorityWord
from shared.names import Name, require_printable
from shared.params.kinds import Params
from shared.params.schedule import MAX_ITERATIONS
from shared.params.segments import Changes, Segment, apply_segments
from shared.params.style import MAX_STYLES, ImageRef, StyleImage, StyleParams

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_SECONDS = 1e9  # maximum time from now to a deadline
MAX_ATTEMPTS = 100
MAX_SEGMENTS = 100


def _read_deadline(value: object, info: ValidationInfo) -> float:
    """Convert a time, or seconds from now, to seconds since 1970.

    A time too far ahead is refused, since the last hours of the year 9999 cannot be
    converted to another time zone.
    """
    now: float = (info.context or {})["now"]()  # `validate_body` sets it
    ahead: float | None = None  # seconds; an integer may be too large for a float
    moment = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        ahead = value
    elif isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            ahead = moment.timestamp() - now if moment.tzinfo else None
    if ahead is None:
        detail = "must be a time with its zone (RFC 3339), or seconds from now"
        raise PydanticCustomError("time", f"{detail}, not {str(value)[:40]!r}")
    if not ahead > 0:
        raise PydanticCustomError("past", f"must not be over, as is {value}")
    if ahead > LONGEST_SECONDS:
        limit = f"must be at most {LONGEST_SECONDS:,.0f} seconds ahead"
        raise PydanticCustomError("too_far", f"{limit}, not {str(value)[:40]}")
    return now + ahead if moment is None else moment.timestamp()


def _distinct(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


# Databases refuse NUL; other control characters are invisible.
Tag = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(require_printable),
]
Tags = Annotated[
    tuple[Tag, ...],
    Field(
        max_length=20,
        description="labels; `tag=` filters the list of jobs by them",
        examples=[["series-3"]],
    ),
    AfterValidator(_distinct),
]
Metadata = Annotated[
    dict[Tag, Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]],
    Field(
        max_length=16,
        description="your own texts by name; the server stores and returns them",
        examples=[{"order": "42"}],
    ),
]
# The column stores numbers.
Priority = Annotated[PriorityWord, PlainSerializer(PRIORITIES.__getitem__)]
ReuseWord = Annotated[
    Literal["never", "finished", "finished_or_active"],
    Field(
        description="return an equal job of yours instead of creating one: `finished` "
        "takes succeeded jobs, `finished_or_active` also jobs that have not ended; the "
        "response is then 200 with `reused: true`"
    ),
]
Deadline = Annotated[
    float,
    PlainValidator(_read_deadline),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_SECONDS},
            ]
        }
    ),
]


class JobOptions(RequestBody):
    """Options of a job of any kind, besides its parameters.

    The name or serialization alias of an option is its column in the table of jobs.
    """

    name: Name = None
    tags: Tags = ()
    metadata: Metadata = Field(default={}, serialization_alias="user_metadata")
    priority: Priority = Field(
        default="normal",
        description="each level counts as one hour of waiting in the queue",
    )
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ATTEMPTS,
        description="maximum number of attempts; default: IMPASTO_MAX_ATTEMPTS",
    )
    start_deadline: Deadline | None = Field(
        default=None,
        description="the job expires if it has not started by then: a time (RFC 3339), "
        "or seconds from now",
    )
    cancel_after: Deadline | None = Field(
        default=None,
        description="the job is canceled if it has not ended by then: a time (RFC "
        "3339), or seconds from now",
    )
    reuse: ReuseWord = "never"

    params_model: ClassVar[type[Params]] = StyleParams

    def job_params(self) -> Any:
        """Return the parameters of the job, an instance of `params_model`."""
        values = {name: getattr(self, name) for name in self.params_model.model_fields}
        return self.params_model.model_construct(**values)

    def columns(self) -> dict[str, Any]:
        """Return the options by column of the job."""
        others = {*self.params_model.model_fields, "params", "segments", "reuse"}
        return self.model_dump(mode="json", by_alias=True, exclude=others)


class StyleJobOptions(JobOptions):
    """Options of a style job."""

    keep_every: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ITERATIONS,
        description="iterations between the checkpoints that are kept for forks",
    )


class PictureRef(ImageRef):
    """Reference to a picture: id of an asset, or SHA-256 of a file of the form."""

    @model_validator(mode="before")
    @classmethod
    def _explain(cls, value: object) -> object:
        """Explain how to send a picture that is missing or named in another way."""
        how = (
            "send its file in a form, or to POST /v1/assets, which makes an asset of "
            'it, and name that as {"asset_id": "<id>"}'
        )
        if value is None:
            raise PydanticCustomError("missing", f"is missing: {how}")
        if isinstance(value, dict) and "url" in value:
            value = "http:"
        if not isinstance(value, str):
            return value
        if value.startswith(("http:", "https:")):
            raise PydanticCustomError(
                "url_not_allowed", f"is a URL, which the server does not fetch: {how}"
            )
        if value.startswith("data:"):
            raise PydanticCustomError(
                "data_url", f"is a data URL, which is not accepted: {how}"
            )
        if value.startswith("ast_"):
            how = f'write it as {{"asset_id": "{value[:64]}"}}'
        raise PydanticCustomError("asset_id", f"is no picture: {how}")


def _without_default(schema: dict[str, Any]) -> None:
    """Remove the default of a required picture, which exists only to be refused."""
    del schema["default"]


class StyleOfRequest(StyleImage):
    """Style of a new job, with its picture."""

    model_config = ConfigDict(json_schema_extra={"required": ["image"]})

    image: PictureRef = Field(
        default=None, validate_default=True, json_schema_extra=_without_default
    )
    mask: PictureRef | None = None
    region: PictureRef | None = None
    labels: PictureRef | None = None


class JobRequest(StyleJobOptions, StyleParams):
    """JSON body that submits a job; its pictures are assets.

    Parameters are members beside the options, or in `params` as in the job object.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "title": "JobRequest",
            "required": ["content", "styles"],
            "examples": [
                {
                    "content": {"asset_id": EXAMPLE_ASSET_ID},
                    "styles": [
                        {"image": {"asset_id": "ast_01JD0000000000000000000001"}}
                    ],
                    "max_edge": 512,
                    "name": "Lisbon",
                    "tags": ["series-3"],
                }
            ],
        }
    )

    content: PictureRef = Field(
        default=None,
        validate_default=True,
        description="the photo",
        json_schema_extra=_without_default,
    )
    styles: tuple[StyleOfRequest, ...] = Field(
        min_length=1,
        max_length=MAX_STYLES,
        description="the paintings; their weights are normalized to sum to 1. `mask`: "
        "a picture of the photo's shape, bright where this style is applied; `region`: "
        "a picture of the painting's shape, bright where the style is taken from; "
        "`labels`: a label map of the painting, of the same shape",
    )
    init_image: PictureRef | None = Field(
        default=None,
        validate_default=True,
        description="picture to start from; required with init: image",
    )
    content_labels: PictureRef | None = Field(
        default=None,
        description="label map of the photo, of the same shape: each color stands for "
        "one thing; only with the style loss neighbors",
    )
    params: StyleParams | None = Field(
        default=None,
        description="parameters, as in the job object, so that those of another job "
        "can be sent unchanged; parameters beside this member are added to them",
    )
    segments: tuple[Segment, ...] = Field(
        default=(),
        max_length=MAX_SEGMENTS,
        description="planned changes of parameters during the run, in order",
    )

    @field_validator("init_image")
    @classmethod
    def _init_image_is_there(
        cls, image: PictureRef | None, info: ValidationInfo
    ) -> PictureRef | None:
        if image is None and info.data.get("init") == "image":
            PictureRef.model_validate(None)  # raises an error that explains how
        return image

    @field_validator("segments")
    @classmethod
    def _segments_fit(
        cls, segments: tuple[Segment, ...], info: ValidationInfo
    ) -> tuple[Segment, ...]:
        errors = list(_out_of_order(segments))
        if info.data.keys() >= StyleParams.model_fields.keys():
            values = {name: info.data[name] for name in StyleParams.model_fields}
            errors += _misfits(segments, StyleParams.model_construct(**values))
        if errors:
            # Pydantic adds these errors to the others, below the field.
            raise ValidationError.from_exception_data("segments", errors)
        return segments


def _out_of_order(segments: tuple[Segment, ...]) -> Iterator[InitErrorDetails]:
    for index, segment in enumerate(segments[1:], start=1):
        previous = segments[index - 1].from_iteration
        if segment.from_iteration < previous:
            yield _segment_error(
                (index, "from_iteration"),
                "out_of_order",
                f"{segment.from_iteration} comes after {previous}; sort the segments",
            )


def _misfits(
    segments: tuple[Segment, ...], params: StyleParams
) -> Iterator[InitErrorDetails]:
    """Yield errors of segments that do not fit the parameters at their iteration."""
    # Start of the previous segment, and the iterations planned then.
    begin, planned = 0, params.iterations
    for index, segment in enumerate(segments):
        if segment.from_iteration > begin:
            begin, planned = segment.from_iteration, params.iterations
        if segment.from_iteration > planned:  # an extension begins at the end
            detail = (
                f"must be at most the {planned} planned iterations, "
                f"not {segment.from_iteration}"
            )
            yield _segment_error((index, "from_iteration"), "too_late", detail)
        changed = segment.changes.to_json()
        if not changed:
            yield _segment_error(
                (index, "changes"), "missing", "must name at least one parameter"
            )
        try:
            params = apply_segments(params, [segment])
        except ValidationError as error:
            for item in error.errors(include_url=False, include_context=False):
                field = str(item["loc"][0])
                name = "iterations" if field == "schedule" else field
                # The cause may be an unchanged weight of 0, so the field may be missing
                # here.
                location: list[int | str] = [index, "changes"]
                location += [name] if name in changed else []
                message = item["msg"].removeprefix("Value error, ")
                yield _segment_error(tuple(location), item["type"], message)
        except ValueError as error:
            yield _segment_error((index, "changes", "styles"), "length", str(error))


def _segment_error(
    location: tuple[int | str, ...], code: str, message: str
) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError(code, message), loc=location, input=None
    )


def _with_style_files(schema: dict[str, Any]) -> None:
    """Add the mask, region and label map of each style to the schema."""
    descriptions = {
        "mask": "mask of the photo's shape, bright where style {} is applied",
        "region": "region of the shape of style {}, bright where the style is taken "
        "from",
        "labels": "label map of style {}, of the same shape; needs content_labels",
    }
    for role, description in descriptions.items():
        for number in range(MAX_STYLES):
            schema["properties"][f"{role}_{number}"] = {
                "type": "string",
                "format": "binary",
                "description": description.format(number),
            }


class JobForm(StyleJobOptions):
    """Multipart form that submits a job; params may name assets as its pictures."""

    model_config = ConfigDict(json_schema_extra=_with_style_files)

    content: File = Field(description="the photo")
    style: list[File] = Field(
        min_length=1,
        max_length=MAX_STYLES,
        description="the paintings; one part for each",
    )
    init_image: File | None = Field(
        default=None, description="picture to start from; required with init: image"
    )
    content_labels: File | None = Field(
        default=None,
        description="label map of the photo, of the same shape: each color stands for "
        "one thing",
    )
    params: StyleParams = Field(
        default=StyleParams(),
        description="parameters as JSON",
        examples=[{"max_edge": 512}],
    )
    segments: list[Segment] = Field(
        default=[],
        description="planned changes of parameters during the run, in order, as JSON",
        examples=[[{"from_iteration": 120, "changes": {"style_weight": 20}}]],
    )


# Members of a merge patch that cannot be removed; `null_field_errors` says so.
NEVER_NULL = {*Changes.model_fields, "priority", "tags", "metadata"}


def _without_nulls(schema: dict[str, Any]) -> None:
    properties = schema["properties"]
    for name in NEVER_NULL & properties.keys():
        properties[name] = without_null(properties[name])


class ForkChanges(Changes):
    """Merge patch of parameters; missing parameters stay unchanged."""

    model_config = ConfigDict(json_schema_extra=_without_nulls)


def _describe_change(schema: dict[str, Any]) -> None:
    _without_nulls(schema)
    schema["examples"] = [{"style_weight": 12.0, "tags": ["series-3", "bold"]}]


class ChangeBody(Changes):
    """Merge patch of a job (RFC 7396); missing fields stay, null removes."""

    model_config = ConfigDict(json_schema_extra=_describe_change)

    name: Name = None
    tags: Tags | None = None
    metadata: Metadata | None = Field(default=None, serialization_alias="user_metadata")
    priority: Priority | None = Field(
        default=None,
        description="each level counts as one hour of waiting in the queue",
    )
    cancel_after: Deadline | None = Field(
        default=None,
        description="the job is canceled if it has not ended by then: a time (RFC "
        "3339), or seconds from now",
    )


class CancelBody(RequestBody):
    """Body of a cancel request: whether the job is deleted too."""

    model_config = with_example({"purge": True})

    purge: bool = Field(
        default=False,
        description="also delete the job and its files as soon as no worker computes "
        "it; after that, requests for it get 410",
    )


class ForkPoint(RequestBody):
    """Checkpoint from which a fork starts."""

    iteration: int = Field(
        ge=1, le=MAX_ITERATIONS, description="iteration of a stored checkpoint"
    )


class ForkBody(RequestBody):
    """Body of a fork: a new job from a checkpoint of another."""

    model_config = with_example(
        {"from": {"iteration": 100}, "params": {"style_weight": 20.0}}
    )

    origin: ForkPoint = Field(alias="from")
    params: ForkChanges = Field(
        default_factory=ForkChanges,
        description="merge patch of weights and iterations",
    )
    iterations: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ITERATIONS,
        description="total iterations of the last scale",
    )
    name: Name = None


class ExtendBody(RequestBody):
    """Body of an extension: more iterations at the last scale."""

    model_config = with_example({"iterations": 100})

    iterations: int = Field(ge=1, le=MAX_ITERATIONS)


class RetryBody(RequestBody):
    """Body of a retry: whether it continues from a checkpoint."""

    model_config = with_example({"from": "start"})

    origin: Literal["checkpoint", "start"] = Field(
        default="checkpoint",
        alias="from",
        description="where to continue: the last checkpoint if there is one, or the "
        "start",
    )
