"""Decorators that register a route and declare its part of the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_origin, get_type_hints

from flask import Blueprint, request
from pydantic import ValidationError

from api.http.header_sets import IDEMPOTENCY
from api.http.json_body import JSON, MERGE_PATCH
from api.http.multipart import MULTIPART
from api.http.validation import field_errors
from shared.errors import InvalidParams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue
    from pydantic import BaseModel

    from api.http.header_sets import HeaderSet

View = TypeVar("View", bound="Callable[..., ResponseReturnValue]")


@dataclass(frozen=True, slots=True)
class Body:
    """Request body that an operation accepts.

    Attributes:
        models: Model of the body, by media type.
        is_required: True to refuse an empty body.
    """

    models: Mapping[str, type[BaseModel]]
    is_required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """Declaration of a route, for the OpenAPI document.

    Attributes:
        path: Path of the route, with the names of its parameters in braces.
        method: HTTP method, in lower case.
        view: View function; its name, docstring and annotations are documented.
        headers: Headers of requests and responses.
        responses: Content of responses by status: a model (JSON), media types
            separated by commas, a media type object by media type, or a tuple of
            these; "" is a response without a body, and None a problem.
        body: Request body, if there is one.
    """

    path: str
    method: str
    view: Callable[..., ResponseReturnValue]
    headers: tuple[HeaderSet, ...]
    responses: Mapping[str, object]
    body: Body | None


class DocumentedBlueprint(Blueprint):
    """Blueprint that stores the declarations of its routes.

    Attributes:
        description: Description of the tag that has the blueprint's name.
        operations: Declarations of the routes, in order.
    """

    def __init__(self, name: str, description: str) -> None:
        """Create a blueprint whose routes are documented under the tag `name`."""
        super().__init__(name, __name__)
        self.description = description
        self.operations: list[Operation] = []


def make_blueprint(name: str, description: str) -> DocumentedBlueprint:
    """Return a blueprint whose routes are documented under the tag `name`."""
    return DocumentedBlueprint(name, description)


def get(
    blueprint: DocumentedBlueprint, rule: str, *headers: HeaderSet, **responses: object
) -> Callable[[View], View]:
    """Route GET requests.

    Args:
        blueprint: Blueprint of the route.
        rule: Path of the route.
        *headers: Headers of requests and responses.
        **responses: Content as in `Operation`, by status: `s200=JobObject, s404=None`.
            Problems that are common to the routes of a method are added.
    """
    return _route(blueprint, "get", rule, headers, responses)


def post(
    blueprint: DocumentedBlueprint,
    rule: str,
    *headers: HeaderSet,
    form: type[BaseModel] | None = None,
    json: type[BaseModel] | None = None,
    needs_body: bool = False,
    **responses: object,
) -> Callable[[View], View]:
    """Route POST requests; `form` and `json` document the body, which the view reads.

    Args:
        blueprint: Blueprint of the route.
        rule: Path of the route.
        *headers: Headers of requests and responses.
        form: Model of the multipart form that is accepted.
        json: Model of the JSON object that is accepted.
        needs_body: True to require a body even if all its members are optional.
        **responses: Responses, as for `get`.
    """
    models = {JSON: json, MULTIPART: form}  # Swagger UI shows the first
    accepted = {kind: model for kind, model in models.items() if model is not None}
    body = Body(accepted, needs_body or any(map(_has_required, accepted.values())))
    return _route(blueprint, "post", rule, headers, responses, body)


def patch(
    blueprint: DocumentedBlueprint,
    rule: str,
    *headers: HeaderSet,
    json: type[BaseModel],
    **responses: object,
) -> Callable[[View], View]:
    """Route PATCH requests with a merge patch, which the view reads; see `post`."""
    body = Body(dict.fromkeys((MERGE_PATCH, JSON), json), _has_required(json))
    return _route(blueprint, "patch", rule, headers, responses, body)


def delete(
    blueprint: DocumentedBlueprint, rule: str, **responses: object
) -> Callable[[View], View]:
    """Route DELETE requests; `responses` as for `get`."""
    return _route(blueprint, "delete", rule, (), responses)


def _route(
    blueprint: DocumentedBlueprint,
    method: str,
    rule: str,
    headers: tuple[HeaderSet, ...],
    responses: Mapping[str, object],
    body: Body | None = None,
) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        is_idempotent = getattr(view, "is_idempotent", False)
        sets = (*headers, IDEMPOTENCY) if is_idempotent else headers
        operation = Operation(
            rule.replace("<", "{").replace(">", "}"),
            method,
            view,
            sets,
            _all_responses(method, rule, sets, responses),
            body if body and body.models else None,
        )
        blueprint.operations.append(operation)
        blueprint.add_url_rule(
            rule, view_func=read_parameters(view), methods=[method.upper()]
        )
        return view

    return decorate


def _all_responses(
    method: str,
    rule: str,
    headers: tuple[HeaderSet, ...],
    declared: Mapping[str, object],
) -> dict[str, object]:
    """Return the content of all responses by status, including those of headers."""
    responses: dict[str, object] = dict.fromkeys(_common_problems(method, rule))
    responses |= dict.fromkeys(
        status for header_set in headers for status in header_set.statuses
    )
    responses |= {name.removeprefix("s"): content for name, content in declared.items()}
    implied = {"206": responses.get("200"), "304": ""}
    return responses | {s: implied[s] for s in responses if s in implied}


def _common_problems(method: str, rule: str) -> list[str]:
    """Return the statuses of problems that all routes of this kind have."""
    statuses = ["403", "422", "500"]
    if rule.startswith("/v1/"):
        # 503: the database is unreachable, or too many bodies are being read.
        statuses += ["401", "429", "503"]
    if "<" in rule:
        statuses += ["404"]
    if "<job_id>" in rule:
        statuses += ["410"]  # the job was deleted
    if method != "get":
        statuses += ["411"]
    if method != "get" and "<job_id>" in rule:
        statuses += ["409"]  # the state of the job does not allow the action
    if method in {"post", "patch"}:
        statuses += ["400", "408", "413", "415"]
    return statuses


def _has_required(model: type[BaseModel]) -> bool:
    # An empty body is accepted if no member is required.
    return any(field.is_required() for field in model.model_fields.values())


def read_parameters(view: View) -> View:
    """Wrap a view with the arguments `path` or `query`, models of request parameters.

    List parameters may be repeated. Of other repeated parameters, the first counts.
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
