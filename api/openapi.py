"""The one place that knows flask-openapi: it documents routes, checks their input."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models import OPENAPI3_REF_TEMPLATE
from flask_openapi.models.info import Info
from flask_openapi.models.schema import Schema
from flask_openapi.openapi import OpenAPI

from api.bodies import CancelBody, ChangeBody, ExtendBody, ForkBody, RetryBody
from api.form_schemas import (
    JSON_FIELDS,
    AssetForm,
    ExplorationForm,
    ExplorationJson,
    JobForm,
    JobJson,
)
from api.header_words import ASKED
from api.key_schemas import KeyBody
from api.log_schemas import LogPage
from api.problem_schemas import Problem
from api.record_schemas import Log, Metrics
from api.sessions import COOKIE, CSRF_HEADER
from api.validation import pointer
from shared.errors import FieldError, InvalidParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from http import HTTPStatus

    from flask import Flask
    from flask.typing import ResponseReturnValue
    from flask_openapi.models.security_scheme import SecurityScheme
    from pydantic import BaseModel, ValidationError

View = TypeVar("View", bound="Callable[..., ResponseReturnValue]")

_OPENAPI_VERSION = "3.1.0"  # the models are; flask-openapi would write 3.2.0
UNCHANGED = {"description": "Not Modified: If-None-Match names what there is"}
_BODIES: tuple[type[BaseModel], ...] = (
    JobForm,
    JobJson,
    AssetForm,
    ExplorationForm,
    ExplorationJson,
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
_PROBLEM = {
    "description": "A problem",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
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
        validation_error_callback=_refuse,
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


def make_blueprint(name: str, about: str) -> APIBlueprint:
    """Make a blueprint whose routes are documented under the tag `name`."""
    return APIBlueprint(
        name,
        __name__,
        abp_tags=[{"name": name, "description": about}],
        abp_security=[{"key": []}, {"page": []}, {}],
        operation_id_callback=_operation_id,
    )


def _operation_id(*, name: str, path: str, method: str) -> str:  # noqa: ARG001 - flask-openapi gives all three
    """Name an operation like its view: programs made from the document do, too."""
    return name


def register(app: Flask, blueprint: APIBlueprint) -> None:
    """Add the blueprint's routes and their documentation to the app."""
    cast("OpenAPI", app).register_api(blueprint)


def document(app: Flask) -> dict[str, Any]:
    """Return what flask-openapi says of all registered routes; `refining` completes it.

    Operations that take Idempotency-Key are those whose view `replays`.
    """
    described = deepcopy(cast("dict[str, Any]", cast("OpenAPI", app).api_doc))
    # Its own model of a schema forgets what it does not know, as patternProperties.
    described["components"]["schemas"] |= deepcopy(_schemas())
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "replays", False):
            path = rule.rule.replace("<", "{").replace(">", "}")
            operation = described["paths"][path]["post"]
            operation.setdefault("parameters", []).append(ASKED["Idempotency-Key"])
            for status in ("400", "409"):
                operation["responses"].setdefault(status, dict(_PROBLEM))
    return described


def get(
    blueprint: APIBlueprint, rule: str, **answers: object
) -> Callable[[View], View]:
    """Route GET requests; `answers` as for `_documented`."""
    route = blueprint.get(rule, responses=_documented(rule, answers))
    return cast("Callable[[View], View]", route)


def post(
    blueprint: APIBlueprint,
    rule: str,
    form: type[BaseModel] | None = None,
    json: type[BaseModel] | None = None,
    **answers: object,
) -> Callable[[View], View]:
    """Route POST requests; `form` and `json` only document the body: the view reads it.

    Args:
        blueprint: Where.
        rule: The path.
        form: A multipart form that is taken.
        json: A JSON object that is taken instead.
        **answers: As for `_documented`.
    """
    content: dict[str, Any] = {}
    if form is not None:
        json_type = {"contentType": "application/json"}
        encoding = {
            field: json_type for field in JSON_FIELDS if field in form.model_fields
        }
        content["multipart/form-data"] = {"schema": named(form), "encoding": encoding}
    if json is not None:
        content["application/json"] = {"schema": named(json)}
    # An empty body is as good as an object in which nothing is required.
    required = any(map(_has_required, filter(None, (form, json))))
    body = {"required": required, "content": content} if content else None
    options: dict[str, Any] = {"request_body": body} if body else {}
    route = blueprint.post(rule, responses=_documented(rule, answers), **options)
    return cast("Callable[[View], View]", route)


def delete(
    blueprint: APIBlueprint, rule: str, **answers: object
) -> Callable[[View], View]:
    """Route DELETE requests; `answers` as for `_documented`."""
    route = blueprint.delete(rule, responses=_documented(rule, answers))
    return cast("Callable[[View], View]", route)


def patch(
    blueprint: APIBlueprint, rule: str, body: type[BaseModel], **answers: object
) -> Callable[[View], View]:
    """Route PATCH requests with a merge patch, which the view reads."""
    kinds = ("application/merge-patch+json", "application/json")
    documented: dict[str, Any] = {
        "required": _has_required(body),
        "content": {kind: {"schema": named(body)} for kind in kinds},
    }
    route = blueprint.patch(
        rule, responses=_documented(rule, answers), request_body=documented
    )
    return cast("Callable[[View], View]", route)


def named(model: type[BaseModel]) -> dict[str, str]:
    """Refer to a model in the document."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _has_required(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _documented(
    rule: str, answers: dict[str, object]
) -> dict[str | int | HTTPStatus, Any]:
    """Describe answers given as s200=Model, s202="image/png, image/tiff", s404=None.

    Text names media types, "" says that there is no body; None is a problem; a dict is
    the description itself.
    """
    always = ["403", "422", "500"] + (["401"] if rule.startswith("/v1/") else [])
    always += ["410"] if "<job_id>" in rule else []  # of a job that was deleted
    described: dict[str | int | HTTPStatus, Any] = {
        status: dict(_PROBLEM) for status in always
    }
    if rule.startswith("/v1/"):
        described["429"] = dict(_PROBLEM)
        described["503"] = dict(_PROBLEM)  # of the database, or too many bodies
    for name, what in answers.items():
        status = name.removeprefix("s")
        if what is None:
            described.setdefault(status, dict(_PROBLEM))
        elif what == "":
            described[status] = {"description": "No content"}
        elif isinstance(what, str):
            schema = {"type": "string"}
            if not what.startswith("text/"):
                schema["format"] = "binary"
            media_types = what.split(", ")
            described[status] = {
                "content": {each: {"schema": schema} for each in media_types}
            }
        else:
            described[status] = what
    return described


def _refuse(error: ValidationError) -> NoReturn:
    raise InvalidParams(
        [
            FieldError(pointer(one["loc"]), one["type"].replace("_", "-"), one["msg"])
            for one in error.errors(include_url=False)
        ]
    ) from error
