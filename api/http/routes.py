"""Decorators that register a route and document it in OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask_openapi.blueprint import APIBlueprint

from api.http.multipart import JSON_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from http import HTTPStatus

    from flask.typing import ResponseReturnValue
    from pydantic import BaseModel

View = TypeVar("View", bound="Callable[..., ResponseReturnValue]")


UNCHANGED = {"description": "Not Modified: If-None-Match names what there is"}


PROBLEM_RESPONSE = {
    "description": "A problem",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}


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
        status: dict(PROBLEM_RESPONSE) for status in always
    }
    if rule.startswith("/v1/"):
        described["429"] = dict(PROBLEM_RESPONSE)
        described["503"] = dict(PROBLEM_RESPONSE)  # of the database, or too many bodies
    for name, what in answers.items():
        status = name.removeprefix("s")
        if what is None:
            described.setdefault(status, dict(PROBLEM_RESPONSE))
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
