"""Decorators that register a route and document it in OpenAPI."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_origin, get_type_hints

from flask import request
from flask_openapi.blueprint import APIBlueprint
from pydantic import ValidationError
from typing_extensions import override

from api.http.multipart import json_fields
from api.http.validation import field_errors
from shared.errors import InvalidParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from http import HTTPStatus

    from flask.typing import ResponseReturnValue
    from pydantic import BaseModel

View = TypeVar("View", bound="Callable[..., ResponseReturnValue]")


NOT_MODIFIED_RESPONSE = {
    "description": "Not Modified: If-None-Match names what there is"
}


_BODY_PROBLEMS: dict[str, object] = {"s400": None, "s408": None, "s411": None}

PROBLEM_RESPONSE = {
    "description": "A problem",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}


class _Blueprint(APIBlueprint):
    """Blueprint whose views flask-openapi documents, but does not call.

    Its own wrapper of a view builds the schema of the query at each request, which
    takes longer than all else that a poll of a job does.
    """

    @override
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        view = read_parameters(view_func.__wrapped__)
        super().add_url_rule(rule, endpoint, view, provide_automatic_options, **options)


def read_parameters(view: View) -> View:
    """Wrap a view that takes `path` or `query`: models of the request's parameters.

    A parameter of a list may be repeated; of others, the first one counts.
    """
    models = get_type_hints(view)
    path: type[BaseModel] | None = models.get("path")
    query: type[BaseModel] | None = models.get("query")
    fields = {} if query is None else query.model_fields
    lists = {name for name in fields if get_origin(fields[name].annotation) is list}

    @wraps(view)
    def wrapper(**values: str) -> ResponseReturnValue:
        parameters = {}
        if path is not None:
            parameters["path"] = _validate(path, values)
        if query is not None:
            args = request.args
            sent = {
                name: args.getlist(name) if name in lists else args[name]
                for name in args
            }
            parameters["query"] = _validate(query, sent)
        return view(**parameters)

    return cast("View", wrapper)


def _validate(model: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidParams(field_errors(error, model, lists_fields=True)) from error


def make_blueprint(name: str, description: str) -> APIBlueprint:
    """Return a blueprint whose routes are documented under the tag `name`."""
    return _Blueprint(
        name,
        __name__,
        abp_tags=[{"name": name, "description": description}],
        abp_security=[{"key": []}, {"page": []}, {}],
        operation_id_callback=_operation_id,
    )


def _operation_id(*, name: str, path: str, method: str) -> str:  # noqa: ARG001 - flask-openapi gives all three
    """Return the name of the view, which generated clients use for their functions."""
    return name


def get(
    blueprint: APIBlueprint, rule: str, **responses: object
) -> Callable[[View], View]:
    """Route GET requests; `responses` as for `_describe_responses`."""
    route = blueprint.get(rule, responses=_describe_responses(rule, responses))
    return cast("Callable[[View], View]", route)


def post(
    blueprint: APIBlueprint,
    rule: str,
    form: type[BaseModel] | None = None,
    json: type[BaseModel] | None = None,
    *,
    required: bool = False,
    **responses: object,
) -> Callable[[View], View]:
    """Route POST requests; `form` and `json` only document the body: the view reads it.

    Args:
        blueprint: Blueprint of the route.
        rule: Path of the route.
        form: Model of the multipart form that is accepted.
        json: Model of the JSON object that is accepted.
        required: Whether a body is needed, though all members are optional.
        **responses: Responses, as for `_describe_responses`.
    """
    content: dict[str, Any] = {}
    if form is not None:
        json_type = {"contentType": "application/json"}
        encoding = dict.fromkeys(json_fields(form), json_type)
        content["multipart/form-data"] = {
            "schema": schema_ref(form),
            "encoding": encoding,
        }
    if json is not None:
        content["application/json"] = {"schema": schema_ref(json)}
    # An empty body is accepted like an object in which nothing is required.
    required |= any(map(_has_required, filter(None, (form, json))))
    body = {"required": required, "content": content} if content else None
    options: dict[str, Any] = {"request_body": body} if body else {}
    described = _describe_responses(rule, _BODY_PROBLEMS | responses)
    route = blueprint.post(rule, responses=described, **options)
    return cast("Callable[[View], View]", route)


def delete(
    blueprint: APIBlueprint, rule: str, **responses: object
) -> Callable[[View], View]:
    """Route DELETE requests; `responses` as for `_describe_responses`."""
    described = _describe_responses(rule, {"s411": None} | responses)
    route = blueprint.delete(rule, responses=described)
    return cast("Callable[[View], View]", route)


def patch(
    blueprint: APIBlueprint, rule: str, body: type[BaseModel], **responses: object
) -> Callable[[View], View]:
    """Route PATCH requests with a merge patch, which the view reads."""
    media_types = ("application/merge-patch+json", "application/json")
    request_body: dict[str, Any] = {
        "required": _has_required(body),
        "content": {
            media_type: {"schema": schema_ref(body)} for media_type in media_types
        },
    }
    described = _describe_responses(rule, _BODY_PROBLEMS | responses)
    route = blueprint.patch(rule, responses=described, request_body=request_body)
    return cast("Callable[[View], View]", route)


def schema_ref(model: type[BaseModel]) -> dict[str, str]:
    """Return a reference to the schema of a model in the OpenAPI document."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _has_required(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _describe_responses(
    rule: str, responses: dict[str, object]
) -> dict[str | int | HTTPStatus, Any]:
    """Describe responses given as s200=Model, s202="image/png, image/tiff", s404=None.

    A text lists media types; "" is a response without a body; None is a problem; a dict
    is the description itself.
    """
    problem_statuses = ["403", "422", "500"]
    problem_statuses += ["401"] if rule.startswith("/v1/") else []
    problem_statuses += ["410"] if "<job_id>" in rule else []  # the job was deleted
    described: dict[str | int | HTTPStatus, Any] = {
        status: dict(PROBLEM_RESPONSE) for status in problem_statuses
    }
    if rule.startswith("/v1/"):
        described["429"] = dict(PROBLEM_RESPONSE)
        # The database cannot be reached, or too many bodies are being read.
        described["503"] = dict(PROBLEM_RESPONSE)
    for name, response in responses.items():
        status = name.removeprefix("s")
        if response is None:
            described.setdefault(status, dict(PROBLEM_RESPONSE))
        elif response == "":
            described[status] = {"description": "No content"}
        elif isinstance(response, str):
            schema = {"type": "string"}
            if not response.startswith("text/"):
                schema["format"] = "binary"
            media_types = response.split(", ")
            described[status] = {
                "content": {
                    media_type: {"schema": schema} for media_type in media_types
                }
            }
        else:
            described[status] = response
    return described
