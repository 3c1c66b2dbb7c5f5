"""Pages for people: the studio, the documentation of the API, and its problems."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    json,
    render_template,
    request,
)

from api.auth.sessions import COOKIE, read_session
from api.dependencies import current_dependencies
from api.http.headers import SECURITY_HEADERS
from api.http.problems import (
    PROBLEM_TYPE,
    http_error_response,
    list_problem_types,
)
from api.http.routes import DocumentedBlueprint
from api.openapi.document import build_document
from api.web.samples import SAMPLES
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

    from shared.errors import ImpastoError

blueprint = Blueprint(
    "pages",
    __name__,
    static_folder=str(files("flask_openapi_swagger") / "templates" / "swagger"),
    static_url_path="/docs/swagger-ui",
)

_MEDIA_TYPES = (PROBLEM_TYPE, "application/json", "text/html")

# Swagger UI has icons in `data:` URLs.
_DOCS_POLICY = SECURITY_HEADERS["Content-Security-Policy"].replace(
    "img-src 'self'", "img-src 'self' data:"
)


@blueprint.get("/")
@blueprint.get("/jobs/<_job_id>")
def studio(_job_id: str = "") -> Response:
    """Show the page of the studio; its script reads the address."""
    dependencies = current_dependencies()
    keys = dependencies.settings.auth == "keys"
    session = read_session(dependencies.secret, request.cookies.get(COOKIE, ""))
    text = render_template(
        "studio.html",
        keys=keys,
        csrf_token=session.csrf_token if keys and session else "",
        defaults=StyleParams(),
        max_upload_bytes=dependencies.settings.max_upload_bytes,
        samples=SAMPLES,
        modules=_script_modules(),
    )
    response = Response(text)
    response.headers["Cache-Control"] = "no-store"  # it contains the token
    return response


@cache
def _script_modules() -> list[str]:
    """Names of all modules of the page's script.

    Preloaded, since a browser finds an import only after it has loaded the module.
    """
    names = {path.name for path in (Path(__file__).parent / "static").glob("*.js")}
    return sorted(names - {"docs.js"})


@blueprint.app_errorhandler(404)
def missing(error: HTTPException) -> Response:
    """Respond that an address does not exist, with a page or a problem."""
    response = http_error_response(error)
    if request.accept_mimetypes.best_match(_MEDIA_TYPES) == _MEDIA_TYPES[-1]:
        response.set_data(render_template("missing.html"))
        response.mimetype = _MEDIA_TYPES[-1]
    response.vary.add("Accept")
    return response


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Send the OpenAPI document."""
    registered = current_app.blueprints.values()
    documented = tuple(b for b in registered if isinstance(b, DocumentedBlueprint))
    text = json.dumps(build_document(documented), sort_keys=False)
    return Response(text, mimetype="application/json")


@blueprint.get("/docs")
def docs() -> Response:
    """Show the OpenAPI document in Swagger UI."""
    response = Response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = _DOCS_POLICY
    return response


@blueprint.get("/problems/")
def problem_list() -> Response:
    """List all problems of the API, as a page or as JSON."""
    errors = list_problem_types()
    if _prefers_json():
        return _json_response({"data": [_problem_object(error) for error in errors]})
    return Response(render_template("problems.html", errors=errors))


@blueprint.get("/problems/<code>")
def problem_page(code: str) -> Response:
    """Explain one kind of problem, on a page or as JSON."""
    errors = {error.code: error for error in list_problem_types()}
    if code not in errors:
        abort(404)
    if _prefers_json():
        return _json_response(_problem_object(errors[code]))
    return Response(render_template("problem.html", error=errors[code]))


def _prefers_json() -> bool:
    offered = ["text/html", "application/json"]
    return request.accept_mimetypes.best_match(offered) == "application/json"


def _problem_object(error: type[ImpastoError]) -> dict[str, object]:
    return {
        "type": f"/problems/{error.code}",
        "code": error.code,
        "status": error.status,
        "title": error.title,
        "remedy": error.remedy,
        "retryable": error.retryable,
    }


def _json_response(body: dict[str, object]) -> Response:
    response = Response(json.dumps(body, sort_keys=False), mimetype="application/json")
    response.vary.add("Accept")
    return response
