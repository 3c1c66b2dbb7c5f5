"""The application factory."""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from api import auth, headers, openapi, problems, services
from api.blueprints import (
    capabilities,
    events,
    explorations,
    health,
    jobs,
    pages,
    pictures,
    verbs,
)
from api.limits import max_body_bytes, max_uploads
from api.live import Lookout
from api.looks import Looks
from shared.settings import read_secret

if TYPE_CHECKING:
    from flask import Flask

    from shared.db import Database
    from shared.queue import Doorbell
    from shared.settings import Settings
    from shared.storage.base import Storage


def create_app(
    settings: Settings, database: Database, storage: Storage, doorbell: Doorbell
) -> Flask:
    """Build the API over the given parts of a deployment."""
    app = openapi.make_app()
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(settings)
    secret = read_secret(settings.secret_file)
    looks = Looks(database)
    parts = services.Services(
        settings,
        database,
        storage,
        doorbell,
        secret,
        decoders=BoundedSemaphore(settings.max_decodes),
        uploads=BoundedSemaphore(max_uploads(settings)),
        streams=BoundedSemaphore(settings.max_streams),
        looks=looks,
        lookout=Lookout(database, lambda row: looks.progress(row.owner_id, row)),
    )
    services.install(app, parts)
    problems.register(app)
    headers.register(app)  # before auth, so that refusals too carry a Request-Id
    auth.register(app)
    for documented in (
        jobs,
        events,
        explorations,
        verbs,
        pictures,
        capabilities,
        health,
    ):
        openapi.register(app, documented.blueprint)
    app.register_blueprint(pages.blueprint)
    return app
