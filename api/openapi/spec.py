"""The one place that knows flask-openapi: it documents routes, checks their input.

What flask-openapi leaves out of the OpenAPI document: headers, bounds, links.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from flask_openapi.models import OPENAPI3_REF_TEMPLATE
from flask_openapi.models.info import Info
from flask_openapi.models.schema import Schema
from flask_openapi.openapi import OpenAPI

from api.assets.schemas import AssetForm
from api.auth.sessions import COOKIE, CSRF_HEADER
from api.explorations.schemas import ExplorationForm, ExplorationRequest
from api.http.problems import Problem
from api.http.routes import PROBLEM_RESPONSE
from api.job_view.schemas import LogPage
from api.jobs.history import Log, Metrics
from api.jobs.request_schemas import (
    CancelBody,
    ChangeBody,
    ExtendBody,
    ForkBody,
    JobForm,
    JobRequest,
    RetryBody,
)
from api.keys.schemas import KeyBody
from api.openapi.components import (
    IDEMPOTENCY_TRAIT,
    PARAMETERS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    TRAITS,
)
from api.openapi.examples import EXAMPLES, make_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask_openapi.blueprint import APIBlueprint
    from flask_openapi.models.security_scheme import SecurityScheme
    from pydantic import BaseModel

    from api.openapi.components import Trait

_OPENAPI_VERSION = "3.1.0"  # the models are; flask-openapi would write 3.2.0

_BODIES: tuple[type[BaseModel], ...] = (
    JobForm,
    JobRequest,
    AssetForm,
    ExplorationForm,
    ExplorationRequest,
    ChangeBody,
    CancelBody,
    ForkBody,
    ExtendBody,
    RetryBody,
    KeyBody,
)
# Named by answers that are written by hand.
_PAGES: tuple[type[BaseModel], ...] = (LogPage, Log, Metrics)
_SCHEMES: dict[str, SecurityScheme | dict[str, Any]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "only with IMPASTO_AUTH=keys; `imp_...`",
    },
    "page": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"of the page; writes carry {CSRF_HEADER} too",
    },
}


def make_app() -> Flask:
    """Make the Flask app; its templates and static files lie in `api/web`."""
    app = OpenAPI(
        "api",
        info=Info(
            title="Impasto",
            version=version("impasto"),
            description="A self-hosted render farm for neural style transfer.",
        ),
        security_schemes=_SCHEMES,
        validation_error_model=Problem,
        doc_ui=False,
        template_folder="web/templates",
        static_folder="web/static",
    )
    app.openapi_version = _OPENAPI_VERSION
    for name, schema in _schemas().items():
        app.components_schemas[name] = Schema(**schema)
    return app


@cache
def _schemas() -> dict[str, Any]:
    """The schemas of what is written by hand, and of all they name."""
    found: dict[str, Any] = {}
    for model in _BODIES + _PAGES:
        schema = model.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found


def register_blueprints(app: Flask, blueprint: APIBlueprint) -> None:
    """Add the blueprint's routes and their documentation to the app."""
    cast("OpenAPI", app).register_api(blueprint)


def build_document(app: Flask) -> dict[str, Any]:
    """Return what flask-openapi says of all registered routes; `refining` completes it.

    Operations that take Idempotency-Key are those whose view is marked `is_idempotent`.
    """
    described = deepcopy(cast("dict[str, Any]", cast("OpenAPI", app).api_doc))
    # Its own model of a schema forgets what it does not know, as patternProperties.
    described["components"]["schemas"] |= deepcopy(_schemas())
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "is_idempotent", False):
            path = rule.rule.replace("<", "{").replace(">", "}")
            operation = described["paths"][path]["post"]
            operation.setdefault("parameters", []).append(
                REQUEST_HEADERS["Idempotency-Key"]
            )
            for status in ("400", "409"):
                operation["responses"].setdefault(status, dict(PROBLEM_RESPONSE))
    return described


Described = dict[str, Any]

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_ID_OF = {
    "#/components/schemas/JobObject": "job_id",
    "#/components/schemas/AssetObject": "asset_id",
    "#/components/schemas/NewKeyObject": "key_id",
}
_SERVERS = [
    {"url": "/", "description": "the server that sends this document"},
    {"url": "http://127.0.0.1:8470", "description": "`impasto up`, on this machine"},
]
_PROBLEM_TYPE = "application/problem+json"
_ALWAYS = ("Request-Id", "RateLimit", "RateLimit-Policy")
_OF_PROBLEMS = {
    "401": ("WWW-Authenticate",),
    "403": ("WWW-Authenticate",),
    "409": ("Retry-After",),
    "415": ("Accept-Encoding",),
    "416": ("Content-Range",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}


def complete_document(document: Described) -> Described:
    """Return the document with all that is known; it is changed in place.

    Bounds that are whole are written so: as floats, those beyond 2**53 would be off.
    Links tell programs which operations take the id of what one has just made.
    """
    document["servers"] = _SERVERS
    parts = document["components"]
    parts["headers"], parts["responses"] = RESPONSE_HEADERS, {}
    _write_whole_numbers(document)
    _add_examples(parts["schemas"])
    for _, _, operation in operations(document):
        _describe(operation)
        _share_problems(operation, parts["responses"])
    for _, method, operation in operations(document):
        if method == "post":
            _link(document, operation)
    return document


def operations(document: Described) -> Iterator[tuple[str, str, Described]]:
    """Yield path, method and operation of each."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _add_examples(schemas: Described) -> None:
    """Give an example to what has none, and to lists; its members in their order."""
    for name, example in EXAMPLES.items():
        schemas[name].setdefault("example", example)
    for schema in schemas.values():
        told = schema.get("properties", {}).get("data", {}).get("items", {})
        if "example" in schema or ("$ref" in told and "examples" not in schema):
            schema["example"] = make_sample(schemas, schema)


def _describe(operation: Described) -> None:
    """Say what is known of an operation by its traits, and of each."""
    if "description" in operation:
        operation["description"] = _join_lines(operation["description"])
    parameters = operation.get("parameters", [])
    for each in parameters:
        if "description" not in each and each["name"] in PARAMETERS:
            each["description"] = PARAMETERS[each["name"]]
    asked = {each["name"] for each in parameters}
    traits = TRAITS.get(operation["operationId"], ())
    for trait in traits:
        _apply_trait(operation, trait)
    for trait in (
        *traits,
        *([IDEMPOTENCY_TRAIT] if "Idempotency-Key" in asked else []),
    ):
        _add_response_headers(operation, trait)
    for answer in operation["responses"].values():
        for name in _ALWAYS:
            _reference_header(answer, name)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _share_problems(operation: Described, shared: Described) -> None:
    """Refer to one description of the problems of each status."""
    for status, answer in operation["responses"].items():
        if _PROBLEM_TYPE in answer.get("content", {}):
            phrase = HTTPStatus(int(status)).phrase
            name = phrase.title().replace(" ", "")
            for header in _OF_PROBLEMS.get(status, ()):
                _reference_header(answer, header)
            shared[name] = {**answer, "description": f"A problem: {phrase}"}
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}


def _join_lines(text: str) -> str:
    """Return docstring text that flask-openapi joined line by line as Markdown."""
    return text.replace("<br/>", "\n").strip()


def _apply_trait(operation: Described, trait: Trait) -> None:
    """Say what a trait adds to an operation: headers of requests, and answers."""
    for name in trait.asks:
        operation.setdefault("parameters", []).append(REQUEST_HEADERS[name])
    for status in trait.answers:
        operation["responses"].setdefault(status, _extra_response(operation, status))


def _add_response_headers(operation: Described, trait: Trait) -> None:
    for name, statuses in trait.tells.items():
        for status in statuses:
            if status in operation["responses"]:
                _reference_header(operation["responses"][status], name)


def _extra_response(operation: Described, status: str) -> Described:
    """An answer that comes of a header: the same in part, nothing, or a problem."""
    if status == "304":
        return {"description": "Not Modified: If-None-Match names what there is"}
    if status == "206":
        what = "Partial Content: the bytes that Range asks for"
        return {
            "description": what,
            "content": operation["responses"]["200"]["content"],
        }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": "", "content": {_PROBLEM_TYPE: {"schema": schema}}}


def _reference_header(answer: Described, header: str) -> None:
    headers = answer.setdefault("headers", {})
    headers.setdefault(header, {"$ref": f"#/components/headers/{header}"})


def _write_whole_numbers(node: object) -> None:
    if isinstance(node, list):
        for one in node:
            _write_whole_numbers(one)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _BOUNDS and isinstance(value, float) and value.is_integer():
                node[name] = int(value)
            else:
                _write_whole_numbers(value)


def _link(document: Described, operation: Described) -> None:
    for status in ("200", "201", "202"):
        answer = operation["responses"].get(status)
        named = _ID_OF.get(_schema_of(answer or {}))
        if answer is not None and named is not None:
            answer["links"] = _links_with(document, named)


def _schema_of(answer: Described) -> str:
    content = answer.get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", ""))


def _links_with(document: Described, named: str) -> Described:
    """Links to every operation whose path takes this id, and no other parameter."""
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {named: "$response.body#/id"},
        }
        for path, _, operation in operations(document)
        if re.findall(r"{(\w+)}", path) == [named]
    }
