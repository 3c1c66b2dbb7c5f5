"""Entry point of the server: `granian --interface wsgi --factory api.wsgi:app`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.app import create_app
from api.dependencies import current_dependencies
from shared.db.database import Database
from shared.logs import configure_logging
from shared.maintenance.loop import MaintenanceLoop
from shared.queue import Notifier
from shared.settings import settings_or_exit
from shared.storage import open_storage

if TYPE_CHECKING:
    from flask import Flask


def app() -> Flask:
    """Build the app from the environment, and start the maintenance loop."""
    settings = settings_or_exit()
    configure_logging(settings.log_level)
    database, notifier = Database(settings.database_url), Notifier(settings)
    storage = open_storage(settings.storage_url)
    flask_app = create_app(settings, database, storage, notifier)
    with flask_app.app_context():
        current_dependencies().key_cache.start_storing_uses()
    # Never stopped: granian ends its processes without notice. A leadership that is not
    # renewed expires, and another process takes it.
    MaintenanceLoop(database, notifier, storage, settings).start()
    return flask_app
