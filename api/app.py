"""Application factory of the API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Flask

from api import estimates, queue
from api.assets import views as assets
from api.auth.authenticate import authenticate_request
from api.auth.cors import add_cors_headers, answer_preflight
from api.auth.key_cache import KeyCache
from api.auth.rate_limit import (
    RateLimiter,
    add_rate_limit_headers,
    count_request,
)
from api.dependencies import Dependencies, install
from api.events import views as events
from api.explorations import views as explorations
from api.http.body import end_work, require_length
from api.http.compression import compress_response
from api.http.headers import (
    add_headers,
    begin_request,
    end_request,
    refuse_compressed_body,
)
from api.http.problems import register_problem_handlers
from api.http.slots import (
    DecoderSlots,
    OwnerSlots,
    max_body_bytes,
    max_streams_per_owner,
    max_uploads,
    max_uploads_per_owner,
    too_many_uploads,
)
from api.job_view.view_cache import ViewCache
from api.jobs import actions, frames, history, results
from api.jobs import views as jobs
from api.keys import views as keys
from api.openapi.document import build_document
from api.server import capabilities, entry, health, metrics
from api.watch.watcher import Watcher
from api.web import pages, samples, session
from shared.auth.secret import read_secret
from shared.errors import TooManyStreams

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from shared.db.database import Database
    from shared.queue import Notifier
    from shared.settings import Settings
    from shared.storage import Storage

_MODULES = (
    *(assets, jobs, events, explorations, actions, results, frames, history),
    *(keys, capabilities, health, estimates, queue, metrics, entry),
)
_BLUEPRINTS = tuple(module.blueprint for module in _MODULES)


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document, which is equal for all deployments."""
    return build_document(_BLUEPRINTS)


def create_app(
    settings: Settings,
    database: Database,
    storage: Storage,
    notifier: Notifier,
    clock: Callable[[], float] = time.monotonic,
) -> Flask:
    """Build the API for one deployment.

    Args:
        settings: Settings of the deployment.
        database: Database with the rows.
        storage: Storage with the blobs.
        notifier: Sender of notifications to workers.
        clock: Monotonic clock, in seconds.
    """
    app = Flask("api", template_folder="web/templates", static_folder="web/static")
    connect_app(app, settings, database, storage, notifier, clock)
    register_problem_handlers(app)
    app.before_request(_before_request)
    app.after_request(_after_request)
    app.teardown_request(_teardown_request)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(samples.blueprint)
    app.register_blueprint(session.blueprint)
    return app


def connect_app(
    app: Flask,
    settings: Settings,
    database: Database,
    storage: Storage,
    notifier: Notifier,
    clock: Callable[[], float],
) -> None:
    """Let an app answer for one deployment; `create_app` has the same arguments."""
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(settings)
    install(app, _build_dependencies(settings, database, storage, notifier, clock))


def _before_request() -> Response | None:
    """Prepare each request, in one hook, since each hook makes polls slower."""
    metrics.begin_request()
    begin_request()  # first, so that refusals have a Request-Id, too
    if (preflight := answer_preflight()) is not None:
        return preflight
    authenticate_request()
    count_request()
    require_length()
    return refuse_compressed_body()


def _after_request(response: Response) -> Response:
    add_headers(response)
    add_cors_headers(response)
    add_rate_limit_headers(response)
    compress_response(response)
    metrics.count_request(response)
    return response


def _teardown_request(_error: BaseException | None) -> None:
    end_request()
    end_work()


def _build_dependencies(
    settings: Settings,
    database: Database,
    storage: Storage,
    notifier: Notifier,
    clock: Callable[[], float],
) -> Dependencies:
    view_cache = ViewCache(database)
    key_cache = KeyCache(database, clock)
    return Dependencies(
        settings,
        database,
        storage,
        notifier,
        read_secret(settings.secret_file),
        key_cache=key_cache,
        rate_limiter=RateLimiter(clock),
        wrong_key_limiter=RateLimiter(clock),
        decoder_slots=DecoderSlots(settings),
        upload_slots=OwnerSlots(
            max_uploads(settings), max_uploads_per_owner(settings), too_many_uploads
        ),
        stream_slots=OwnerSlots(
            settings.max_streams, max_streams_per_owner(settings), TooManyStreams
        ),
        view_cache=view_cache,
        watcher=Watcher(
            database,
            lambda row: view_cache.job_progress(row.owner_id, row),
            key_cache.clear,
        ),
    )
