"""Base classes, types and examples of request bodies and response models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, overload

from pydantic import BaseModel, ConfigDict, TypeAdapter, WithJsonSchema

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

# A file of a multipart form, for the OpenAPI document.
File = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


EXAMPLE_JOB_ID = "job_01JD0000000000000000000000"
EXAMPLE_ASSET_ID = "ast_01JD0000000000000000000000"
EXAMPLE_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EXAMPLE_TIME = "2026-01-31T12:00:00Z"


def with_example(example: dict[str, Any]) -> ConfigDict:
    """Return the configuration of a frozen model that has an example in OpenAPI."""
    return ConfigDict(frozen=True, json_schema_extra={"examples": [example]})


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema without null, for requests that refuse null."""
    null = {"type": "null"}
    options = [option for option in schema.get("anyOf", ()) if option != null]
    if not options or len(options) == len(schema["anyOf"]):
        return schema
    outer = {k: v for k, v in schema.items() if k != "anyOf"}
    if outer.get("default", ...) is None:
        del outer["default"]
    return {**options[0], **outer} if len(options) == 1 else {"anyOf": options, **outer}


class DocumentedAs:
    """Annotation of a value that has the JSON schema of another type.

    The value itself is not validated as that type.
    """

    def __init__(self, documented_type: Any) -> None:
        """Store the type that has the schema."""
        self.documented_type = documented_type

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of the documented type."""
        return handler(TypeAdapter(self.documented_type).core_schema)


class ResponseModel(BaseModel):
    """Base of the models of responses."""

    model_config = ConfigDict(frozen=True)


class RequestBody(BaseModel):
    """Base of the models of JSON bodies; unknown members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EmptyBody(RequestBody):
    """Body of an action that takes no arguments."""


@overload
def to_datetime(seconds: float) -> datetime: ...


@overload
def to_datetime(seconds: float | None) -> datetime | None: ...


def to_datetime(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as an aware datetime in UTC, and None as None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
