"""The application factory."""

from __future__ import annotations

import time
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from api import auth, headers, openapi, problems, rates, services
from api.blueprints import (
    assets,
    capabilities,
    entry,
    estimates,
    events,
    explorations,
    frames,
    health,
    jobs,
    keys,
    metrics,
    pages,
    pictures,
    records,
    session,
    stream_tokens,
    verbs,
)
from api.budgets import Budgets
from api.known_keys import KnownKeys
from api.limits import max_body_bytes, max_logins, max_uploads, most_streams_each
from api.live import Lookout
from api.looks import Looks
from api.places import Places
from api.refining import refined
from api.unchanged import Unchanged
from shared.secret_file import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from shared.db import Database
    from shared.queue import Doorbell
    from shared.settings import Settings
    from shared.storage.base import Storage

_DOCUMENTED = (
    *(assets, jobs, events, explorations, verbs, pictures, frames, records),
    *(keys, stream_tokens, capabilities, health, estimates, metrics, entry),
)


def describe() -> dict[str, Any]:
    """Return the OpenAPI document, which no deployment changes."""
    app = openapi.make_app()
    for documented in _DOCUMENTED:
        openapi.register(app, documented.blueprint)
    return refined(openapi.document(app))


def create_app(
    settings: Settings,
    database: Database,
    storage: Storage,
    doorbell: Doorbell,
    clock: Callable[[], float] = time.monotonic,
) -> Flask:
    """Build the API over the given parts of a deployment; `clock` only grows."""
    app = openapi.make_app()
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(settings)
    parts = _services(settings, database, storage, doorbell, clock)
    services.install(app, parts)
    problems.register(app)
    headers.register(app)  # before auth, so that refusals too carry a Request-Id
    auth.register(app)
    rates.register(app)
    for documented in _DOCUMENTED:
        openapi.register(app, documented.blueprint)
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
) -> services.Services:
    looks = Looks(database)
    known = KnownKeys(database, clock)
    return services.Services(
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
