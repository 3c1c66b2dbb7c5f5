"""Base classes of request bodies and response models."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

# A file of a multipart form, for the OpenAPI document.
File = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


class ResponseModel(BaseModel):
    """Base of everything that a response holds."""

    model_config = ConfigDict(frozen=True)


class RequestBody(BaseModel):
    """Base of JSON bodies: unknown members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EmptyBody(RequestBody):
    """Body of an action that takes no arguments."""
