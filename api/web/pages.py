"""Pages for people: the studio, the API's documentation, what problems mean."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, json, render_template, request

from api.auth.sessions import COOKIE, read_session
from api.dependencies import current_services
from api.http.slots import MAX_FIELD_BYTES, max_body_bytes
from api.openapi.spec import document, refined
from api.reference.curls import beginning
from api.reference.models import models_of
from api.reference.operations import topics_of
from api.reference.prose import prose
from api.server.problem_pages import all_pages
from shared.errors import NotFound
from shared.params.style import StyleParams

blueprint = Blueprint("pages", __name__)
blueprint.add_app_template_filter(prose)


@blueprint.get("/")
def studio() -> Response:
    """Show the page where pictures are made."""
    services = current_services()
    keys = services.settings.auth == "keys"
    session = read_session(services.secret, request.cookies.get(COOKIE, ""))
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
    described = refined(document(current_app))
    return Response(json.dumps(described), mimetype="application/json")


@blueprint.get("/docs")
def docs() -> str:
    """Show the OpenAPI document for people."""
    described, settings = refined(document(current_app)), current_services().settings
    with_keys, models = settings.auth == "keys", models_of(described)
    return render_template(
        "docs.html",
        info=described["info"],
        with_keys=with_keys,
        beginning=beginning(request.host_url.rstrip("/"), with_keys=with_keys),
        topics=topics_of(described, with_keys=with_keys),
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
    return render_template("problems.html", pages=all_pages())


@blueprint.get("/problems/<code>")
def problem_page(code: str) -> str:
    """Explain one kind of problem."""
    pages = {page.code: page for page in all_pages()}
    if code not in pages:
        raise NotFound("there is no problem of this name", hint="see /problems/")
    return render_template("problem.html", page=pages[code])
