"""OpenAPI document, built from the declared routes and the pydantic models."""

from __future__ import annotations

import inspect
import re
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from typing_extensions import TypeIs, override

from api.assets.schemas import AssetObject
from api.auth.sessions import COOKIE, CSRF_HEADER
from api.http.header_sets import (
    ALWAYS,
    PROBLEM_HEADERS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
)
from api.http.json_body import JSON
from api.http.multipart import MULTIPART, json_fields
from api.http.problems import PROBLEM_TYPE, Problem, list_problem_types
from api.http.schemas import without_null
from api.job_view.schemas import JobObject
from api.keys.schemas import NewKeyObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

    from api.http.routes import DocumentedBlueprint, Operation

Node = dict[str, Any]

_DESCRIPTIONS = {
    "206": "Partial Content: the bytes that Range asks for",
    "304": "Not Modified: the ETag in If-None-Match is still the current one",
}
# The names are those in the response of /v1/capabilities.
_BODY_LIMITS = {
    JSON: "JSON has at most `max_json_bytes` of /v1/capabilities.",
    MULTIPART: "A form has at most `max_upload_bytes` in each file, `max_json_bytes` "
    "in each other part and `max_request_bytes` in all, of /v1/capabilities.",
}
# Path parameter that takes the `id` of a new object.
_ID_PARAMETERS: dict[object, str] = {
    JobObject: "job_id",
    AssetObject: "asset_id",
    NewKeyObject: "key_id",
}
_SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "an API key, `imp_...`; only with IMPASTO_AUTH=keys",
    },
    "page": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"session of the web page; writes need {CSRF_HEADER}, too",
    },
}


@cache
def build_document(blueprints: tuple[DocumentedBlueprint, ...]) -> Node:
    """Return the OpenAPI document of `blueprints`, which callers must not change."""
    operations = [
        operation for blueprint in blueprints for operation in blueprint.operations
    ]
    schemas = _make_schemas(operations)
    paths: Node = {}
    for blueprint in blueprints:
        for operation in blueprint.operations:
            described = _describe(operation, schemas)
            described["tags"] = [blueprint.name]
            described["responses"] = {
                status: _response(operation, operations, status, content)
                for status, content in sorted(operation.responses.items())
            }
            paths.setdefault(operation.path, {})[operation.method] = described
    parameter_models = {
        model.__name__
        for operation in operations
        for model in _parameter_models(operation)
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Impasto",
            "version": version("impasto"),
            "description": "A self-hosted render farm for neural style transfer.",
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "the server that sends this document"}],
        "tags": [
            {"name": blueprint.name, "description": blueprint.description}
            for blueprint in blueprints
        ],
        "security": [{"key": []}, {"page": []}, {}],
        "paths": paths,
        "components": {
            "schemas": {
                name: schema
                for name, schema in sorted(schemas.items())
                if name not in parameter_models
            },
            "headers": RESPONSE_HEADERS,
            "parameters": REQUEST_HEADERS,
            "responses": _shared_problems(operations),
            "securitySchemes": _SECURITY,
        },
    }


class _JsonSchema(GenerateJsonSchema):
    """Generator of JSON schemas for OpenAPI, with members in their defined order."""

    @override
    def sort(
        self, value: JsonSchemaValue, parent_key: str | None = None
    ) -> JsonSchemaValue:
        return value

    @override
    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Return a schema with `additionalProperties` even if names have a pattern."""
        described = super().dict_schema(schema)
        for pattern, values in described.pop("patternProperties", {}).items():
            described["additionalProperties"] = values
            described["propertyNames"]["pattern"] = pattern
        return described

    @override
    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """Return the schema of a tuple with `items`, which some tools require."""
        described = super().tuple_schema(schema)
        if "prefixItems" in described:
            described.setdefault("items", described["prefixItems"][-1])
        return described


def _make_schemas(operations: Iterable[Operation]) -> dict[str, Node]:
    models: dict[type[BaseModel], None] = {Problem: None}
    for operation in operations:
        models |= dict.fromkeys(_body_models(operation).values())
        models |= dict.fromkeys(_parameter_models(operation))
        for content in operation.responses.values():
            models |= dict.fromkeys(filter(_is_model, _as_tuple(content)))
    _, described = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
        schema_generator=_JsonSchema,
    )
    schemas: dict[str, Node] = described["$defs"]
    codes = sorted({error.code for error in list_problem_types()})
    schemas["Problem"]["properties"]["code"]["enum"] = codes
    for operation in operations:
        form = _body_models(operation).get(MULTIPART)
        if form is not None:
            properties = schemas[form.__name__]["properties"]
            properties |= {
                name: without_null(schema) for name, schema in properties.items()
            }
    return schemas


def _describe(operation: Operation, schemas: dict[str, Node]) -> Node:
    """Return the description of an operation, without its responses."""
    summary, _, description = (inspect.getdoc(operation.view) or "").partition("\n")
    described: Node = {"operationId": operation.view.__name__, "summary": summary}
    if description:
        described["description"] = description.strip()
    parameters = [
        *_path_and_query(operation, schemas),
        *(
            {"$ref": f"#/components/parameters/{name}"}
            for headers in operation.headers
            for name in headers.request
        ),
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        models = operation.body.models.items()
        described["requestBody"] = {
            "required": operation.body.is_required,
            "content": {kind: _body_content(kind, model) for kind, model in models},
            "description": " ".join(
                limit for kind, limit in _BODY_LIMITS.items() if kind in dict(models)
            ),
        }
    return described


def _body_models(operation: Operation) -> Mapping[str, type[BaseModel]]:
    return {} if operation.body is None else operation.body.models


def _parameter_models(operation: Operation) -> list[type[BaseModel]]:
    hints = get_type_hints(operation.view)
    return [hints[place] for place in ("path", "query") if place in hints]


def _path_and_query(operation: Operation, schemas: dict[str, Node]) -> Iterable[Node]:
    hints = get_type_hints(operation.view)
    for place in ("path", "query"):
        model = schemas[hints[place].__name__] if place in hints else {}
        for name, schema in model.get("properties", {}).items():
            named = {"name": name, "in": place, "required": place == "path"}
            about = {"description": schema.get("description", "")}
            value = {k: v for k, v in schema.items() if k != "description"}
            yield {**named, **about, "schema": without_null(value)}


def _body_content(kind: str, model: type[BaseModel]) -> Node:
    content: Node = {"schema": _reference(model)}
    if kind == MULTIPART:
        content["encoding"] = {
            name: {"contentType": JSON} for name in json_fields(model)
        }
    return content


def _response(
    operation: Operation,
    operations: Iterable[Operation],
    status: str,
    declared: object,
) -> Node:
    if declared is None:
        return {"$ref": f"#/components/responses/{_problem_name(status)}"}
    headers = [
        name
        for header_set in operation.headers
        for name, statuses in header_set.response.items()
        if status in statuses
    ]
    response: Node = {
        "description": _DESCRIPTIONS.get(status, HTTPStatus(int(status)).phrase),
        "headers": _header_references((*headers, *ALWAYS)),
    }
    content: Node = {}
    for part in _as_tuple(declared):
        content |= _content(part)
    if content:
        response["content"] = content
    if operation.method == "post" and declared in _ID_PARAMETERS:
        response["links"] = _links(operations, _ID_PARAMETERS[declared])
    return response


def _as_tuple(declared: object) -> tuple[object, ...]:
    return declared if isinstance(declared, tuple) else (declared,)


def _is_model(declared: object) -> TypeIs[type[BaseModel]]:
    return isinstance(declared, type) and issubclass(declared, BaseModel)


def _content(declared: object) -> Node:
    """Return the description of one content of a response, declared in `Operation`."""
    if isinstance(declared, dict):
        return declared
    if isinstance(declared, str):
        return {
            kind: {"schema": _text_or_bytes(kind)}
            for kind in declared.split(", ")
            if kind
        }
    return {JSON: {"schema": _reference(declared)}}


def _text_or_bytes(media_type: str) -> Node:
    is_text = media_type.startswith("text/")
    return {"type": "string"} if is_text else {"type": "string", "format": "binary"}


def _reference(model: Any) -> Node:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _header_references(names: Iterable[str]) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _links(operations: Iterable[Operation], parameter: str) -> Node:
    """Return links from a new object to the operations whose path has only its id."""
    return {
        operation.view.__name__: {
            "operationId": operation.view.__name__,
            "parameters": {parameter: "$response.body#/id"},
        }
        for operation in operations
        if re.findall(r"{(\w+)}", operation.path) == [parameter]
    }


def _shared_problems(operations: Iterable[Operation]) -> Node:
    """Return the description of each status's problem, shared by all operations."""
    statuses = {
        status
        for operation in operations
        for status, declared in operation.responses.items()
        if declared is None
    }
    return {
        _problem_name(status): {
            "description": f"Problem: {HTTPStatus(int(status)).phrase}",
            "headers": _header_references(
                (*ALWAYS, *filter(None, [PROBLEM_HEADERS.get(status)]))
            ),
            "content": {PROBLEM_TYPE: {"schema": _reference(Problem)}},
        }
        for status in sorted(statuses)
    }


def _problem_name(status: str) -> str:
    return HTTPStatus(int(status)).phrase.title().replace(" ", "")
