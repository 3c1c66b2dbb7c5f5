"""Pages for people: the studio, the API's documentation, what problems mean."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, json, render_template, request

from api.auth.sessions import COOKIE, read_session
from api.dependencies import current_dependencies
from api.http.problems import list_problem_types
from api.http.slots import MAX_FIELD_BYTES, max_body_bytes
from api.openapi.spec import build_document, complete_document
from api.reference.curls import curl_prefix
from api.reference.models import list_models
from api.reference.operations import list_topics
from api.reference.prose import prose
from shared.errors import NotFound
from shared.params.style import StyleParams

blueprint = Blueprint("pages", __name__)
blueprint.add_app_template_filter(prose)


@blueprint.get("/")
def studio() -> Response:
    """Show the page where pictures are made."""
    dependencies = current_dependencies()
    keys = dependencies.settings.auth == "keys"
    session = read_session(dependencies.secret, request.cookies.get(COOKIE, ""))
    text = render_template(
        "studio.html",
        keys=keys,
        csrf_token=session.csrf_token if keys and session else "",
        defaults=StyleParams(),
    )
    response = Response(text)
    response.headers["Cache-Control"] = "no-store"  # it holds the token
    return response


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Send the OpenAPI document."""
    document = complete_document(build_document(current_app))
    return Response(json.dumps(document), mimetype="application/json")


@blueprint.get("/docs")
def docs() -> str:
    """Show the OpenAPI document for people."""
    document = complete_document(build_document(current_app))
    settings = current_dependencies().settings
    with_keys, models = settings.auth == "keys", list_models(document)
    return render_template(
        "docs.html",
        info=document["info"],
        with_keys=with_keys,
        beginning=curl_prefix(request.host_url.rstrip("/"), with_keys=with_keys),
        topics=list_topics(document, with_keys=with_keys),
        models=models,
        examples={model.name: model.example for model in models},
        limits={
            "json": MAX_FIELD_BYTES,
            "picture": settings.max_upload_bytes,
            "request": max_body_bytes(settings),
        },
    )


@blueprint.get("/problems/")
def problem_list() -> str:
    """List every problem that the API may answer with."""
    return render_template("problems.html", errors=list_problem_types())


@blueprint.get("/problems/<code>")
def problem_page(code: str) -> str:
    """Explain one kind of problem."""
    errors = {error.code: error for error in list_problem_types()}
    if code not in errors:
        raise NotFound("there is no problem of this name", hint="see /problems/")
    return render_template("problem.html", error=errors[code])
