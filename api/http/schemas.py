"""Base classes of request bodies and response models."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from shared.db.base import MAX_NAME

# A file of a multipart form, for the OpenAPI document.
File = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


def _printable(name: str | None) -> str | None:
    if name and any(unicodedata.category(each).startswith("C") for each in name):
        raise PydanticCustomError("unprintable", "must have no control characters")
    return name or None


# A name for people, without outer spaces; None if nothing is left.
Name = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)]
    | None,
    AfterValidator(_printable),
]


class ResponseModel(BaseModel):
    """Base of everything that a response holds."""

    model_config = ConfigDict(frozen=True)


class RequestBody(BaseModel):
    """Base of JSON bodies: unknown members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EmptyBody(RequestBody):
    """Body of an action that takes no arguments."""
