"""The application factory."""

from __future__ import annotations

import time
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from api import estimates, queue
from api.assets import views as assets
from api.auth.authenticate import register_authentication
from api.auth.key_cache import KnownKeys
from api.auth.rate_limit import Budgets, register_rate_limits
from api.dependencies import Services, install
from api.events import views as events
from api.explorations import views as explorations
from api.http.headers import register_headers
from api.http.problems import register_problem_handlers
from api.http.slots import (
    Places,
    max_body_bytes,
    max_logins,
    max_uploads,
    most_streams_each,
)
from api.job_view.view_cache import Looks
from api.jobs import actions as verbs
from api.jobs import frames
from api.jobs import history as records
from api.jobs import results as pictures
from api.jobs import views as jobs
from api.keys import stream_tokens
from api.keys import views as keys
from api.not_modified import Unchanged
from api.openapi.spec import document, make_app, refined, register_blueprints
from api.server import capabilities, entry, health, metrics
from api.watch.watcher import Lookout
from api.web import pages, session
from shared.auth.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from shared.db.database import Database
    from shared.queue import Doorbell
    from shared.settings import Settings
    from shared.storage.base import Storage

_DOCUMENTED = (
    *(assets, jobs, events, explorations, verbs, pictures, frames, records),
    *(keys, stream_tokens, capabilities, health, estimates, queue, metrics, entry),
)


def describe() -> dict[str, Any]:
    """Return the OpenAPI document, which no deployment changes."""
    app = make_app()
    for documented in _DOCUMENTED:
        register_blueprints(app, documented.blueprint)
    return refined(document(app))


def create_app(
    settings: Settings,
    database: Database,
    storage: Storage,
    doorbell: Doorbell,
    clock: Callable[[], float] = time.monotonic,
) -> Flask:
    """Build the API over the given parts of a deployment; `clock` only grows."""
    app = make_app()
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(settings)
    parts = _services(settings, database, storage, doorbell, clock)
    install(app, parts)
    register_problem_handlers(app)
    register_headers(app)  # before auth, so that refusals too carry a Request-Id
    register_authentication(app)
    register_rate_limits(app)
    for documented in _DOCUMENTED:
        register_blueprints(app, documented.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(session.blueprint)
    app.wsgi_app = Unchanged(app.wsgi_app, parts)  # type: ignore[method-assign] # as Flask documents it
    return app


def _services(
    settings: Settings,
    database: Database,
    storage: Storage,
    doorbell: Doorbell,
    clock: Callable[[], float],
) -> Services:
    looks = Looks(database)
    known = KnownKeys(database, clock)
    return Services(
        settings,
        database,
        storage,
        doorbell,
        read_secret(settings.secret_file),
        keys=known,
        budgets=Budgets(clock),
        strangers=Budgets(clock),
        decoders=BoundedSemaphore(settings.max_decodes),
        uploads=BoundedSemaphore(max_uploads(settings)),
        logins=BoundedSemaphore(max_logins(settings)),
        places=Places(settings.max_streams, most_streams_each(settings)),
        looks=looks,
        lookout=Lookout(
            database,
            lambda row: looks.progress(row.owner_id, row),
            known.forget,
        ),
    )
