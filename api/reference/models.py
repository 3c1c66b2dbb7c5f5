"""The models that answers are made of, each told once and linked from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from api.openapi.examples import make_sample
from api.reference.fields import Field, describe_members

_PREFIX = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Model:
    """An object of an answer, with an example as text."""

    name: str
    about: str
    fields: tuple[Field, ...]
    example: str


def list_models(document: dict[str, Any]) -> list[Model]:
    """Describe what any answer consists of, by name."""
    schemas = document["components"]["schemas"]
    names = {
        name_of(media)
        for item in document["paths"].values()
        for operation in item.values()
        for answer in operation["responses"].values()
        for media in answer.get("content", {}).values()
    }
    return [_model(schemas, name) for name in sorted(names | {"Problem"}) if name]


def name_of(media: dict[str, Any]) -> str:
    """Name the model of a body or an answer; "" if it is none."""
    told = str(media.get("schema", {}).get("$ref", ""))
    return told.removeprefix(_PREFIX)


def as_text(value: object) -> str:
    """Write an example; text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2)


def _model(schemas: dict[str, Any], name: str) -> Model:
    schema = schemas[name]
    example = as_text(make_sample(schemas, schema))
    about = schema.get("description", "")
    return Model(name, about, describe_members(schemas, schema), example)
