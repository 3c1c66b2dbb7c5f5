"""Entry point of the server: `granian --interface wsgi --factory api.wsgi:app`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.app import create_app
from api.dependencies import current_services
from shared.db.database import Database
from shared.logs import configure
from shared.maintenance.loop import MaintenanceLoop
from shared.queue import Doorbell
from shared.settings import settings_or_exit
from shared.storage.backends import open_storage

if TYPE_CHECKING:
    from flask import Flask


def app() -> Flask:
    """Build everything from the environment, and start reconciling."""
    settings = settings_or_exit()
    configure(settings.log_level)
    database, doorbell = Database(settings.database_url), Doorbell(settings)
    storage = open_storage(settings.storage_url)
    flask_app = create_app(settings, database, storage, doorbell)
    with flask_app.app_context():
        current_services().keys.note_uses_from_now_on()
    # Never stopped: granian ends its processes without a goodbye, and a leadership
    # that is not renewed passes to another process by itself.
    MaintenanceLoop(database, doorbell, storage, settings).start()
    return flask_app
