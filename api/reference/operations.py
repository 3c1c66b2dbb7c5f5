"""Operations by topic, each with all that it takes, answers and looks like."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from api.openapi.examples import resolve_reference
from api.reference.curls import make_curls
from api.reference.fields import Field, describe_field, describe_members
from api.reference.models import as_text, name_of

_PLACES = {"path": "In the path", "query": "In the query", "header": "Headers"}
_ON_ALL = {"Request-Id", "RateLimit", "RateLimit-Policy"}


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is taken, or an answer's, with the media types that it may have.

    Attributes:
        kinds: The media types.
        model: The name of what it is, "" if it is no model.
        fields: Its members, where they are told on the spot.
        example: As text; "" where the model has it.
    """

    kinds: str
    model: str
    fields: tuple[Field, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no problem."""

    status: str
    about: str
    headers: tuple[Field, ...]
    bodies: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    parameters: dict[str, list[Field]]
    needs_body: bool
    bodies: tuple[Body, ...]
    answers: tuple[Answer, ...]
    problems: dict[str, str]
    curls: list[str]


@dataclass(frozen=True, slots=True)
class Topic:
    """Operations that belong together."""

    name: str
    about: str
    operations: list[Operation]


def list_topics(document: dict[str, Any], *, with_keys: bool) -> list[Topic]:
    """Describe all operations, in the order of the document's tags."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            described = _operation(document, path, method, operation, with_keys)
            found[operation["tags"][0]].append(described)
    about = {tag["name"]: tag["description"] for tag in document["tags"]}
    return [Topic(name, about[name], those) for name, those in found.items()]


def _operation(
    document: dict[str, Any],
    path: str,
    method: str,
    told: dict[str, Any],
    with_keys: bool,
) -> Operation:
    schemas, body = document["components"]["schemas"], told.get("requestBody", {})
    good = {s: one for s, one in told["responses"].items() if "$ref" not in one}
    return Operation(
        told["operationId"],
        method.upper(),
        path,
        told["summary"],
        told.get("description", ""),
        _parameters(schemas, told.get("parameters", [])),
        bool(body.get("required")),
        _bodies(schemas, body.get("content", {}), whole=True),
        tuple(_answer(document, status, one) for status, one in good.items()),
        {s: HTTPStatus(int(s)).phrase for s in told["responses"] if s not in good},
        make_curls(schemas, path, method, told, with_keys=with_keys),
    )


def _parameters(
    schemas: dict[str, Any], parameters: list[dict[str, Any]]
) -> dict[str, list[Field]]:
    """Parameters by the words for where they stand."""
    found: dict[str, list[Field]] = {}
    for each in parameters:
        field = describe_field(
            schemas,
            each["name"],
            _sendable(each["schema"]),
            is_required=each.get("required", False),
            about=each.get("description", ""),
        )
        field = replace(field, example=as_text(each.get("example", "")))
        found.setdefault(_PLACES[each["in"]], []).append(field)
    return found


def _sendable(schema: dict[str, Any]) -> dict[str, Any]:
    """Without null, which an address cannot say: it leaves the parameter out."""
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return {**schema, "anyOf": options} if options else schema


def _answer(document: dict[str, Any], status: str, told: dict[str, Any]) -> Answer:
    parts = document["components"]
    headers = tuple(
        Field(name, "", one["description"], example=as_text(one["example"]))
        for name, one in parts["headers"].items()
        if name in told.get("headers", {}) and name not in _ON_ALL
    )
    about = told["description"]
    bodies = _bodies(parts["schemas"], told.get("content", {}), whole=False)
    return Answer(status, about, headers, bodies)


def _bodies(
    schemas: dict[str, Any], content: dict[str, Any], *, whole: bool
) -> tuple[Body, ...]:
    """Take together what differs by its media type alone."""
    kinds: dict[str, list[str]] = {}
    for kind, media in content.items():
        same = json.dumps([media.get("schema"), media.get("example")])
        kinds.setdefault(same, []).append(kind)
    return tuple(
        _body(schemas, " or ".join(those), content[those[0]], whole=whole)
        for those in kinds.values()
    )


def _body(
    schemas: dict[str, Any], kinds: str, media: dict[str, Any], *, whole: bool
) -> Body:
    example = as_text(media["example"]) if "example" in media else ""
    fields: tuple[Field, ...] = ()
    if whole:
        fields = describe_members(schemas, resolve_reference(schemas, media["schema"]))
    return Body(kinds, name_of(media), fields, example)
