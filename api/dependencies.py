"""What every request works with, built once per process and handed to the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from threading import BoundedSemaphore

    from flask import Flask

    from api.auth.key_cache import KnownKeys
    from api.auth.rate_limit import Budgets
    from api.http.slots import Places
    from api.job_view.view_cache import Looks
    from api.watch.watcher import Lookout
    from shared.db.database import Database
    from shared.queue import Doorbell
    from shared.settings import Settings
    from shared.storage.base import Storage

_NAME = "impasto"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the deployment that views use.

    Attributes:
        settings: Of the deployment.
        database: Rows.
        storage: Blobs.
        doorbell: Tells workers to look.
        secret: Signs page cursors, cookies and tokens of streams.
        keys: Bearer keys, as this process knows them.
        budgets: How many requests each key has left here.
        strangers: How many wrong keys each address may still send here.
        decoders: As many as pictures are decoded at once; one of 64 megapixels
            takes about 270 MB meanwhile.
        uploads: As many as forms are read at once: fewer than there are threads, as
            each holds one for as long as its sender likes.
        logins: The same for those who have no key yet: they keep nobody else waiting.
        places: For streams and held requests.
        looks: How jobs look.
        lookout: Sees what happens to them, for all who wait.
    """

    settings: Settings
    database: Database
    storage: Storage
    doorbell: Doorbell
    secret: bytes
    keys: KnownKeys
    budgets: Budgets
    strangers: Budgets
    decoders: BoundedSemaphore
    uploads: BoundedSemaphore
    logins: BoundedSemaphore
    places: Places
    looks: Looks
    lookout: Lookout


def install(app: Flask, services: Services) -> None:
    """Make `services` what `current_services` returns inside requests to `app`."""
    app.extensions[_NAME] = services


def services_of(app: Flask) -> Services:
    """Return the services of an app."""
    return cast("Services", app.extensions[_NAME])


def current_services() -> Services:
    """Return the services of the app that handles the current request."""
    return services_of(current_app)
