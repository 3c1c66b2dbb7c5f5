"""Dependencies of views: the database, caches and limits, built once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from flask import Flask

    from api.auth.key_cache import KeyCache
    from api.auth.rate_limit import RateLimiter
    from api.http.slots import DecoderSlots, OwnerSlots
    from api.job_view.view_cache import ViewCache
    from api.watch.watcher import Watcher
    from shared.db.database import Database
    from shared.queue import Notifier
    from shared.settings import Settings
    from shared.storage import Storage

_NAME = "impasto"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Dependencies of views, shared by all threads of a process.

    Attributes:
        settings: Settings of the deployment.
        database: Database with the rows.
        storage: Storage with the blobs.
        notifier: Sender of notifications to workers.
        secret: Key that signs page cursors and cookies.
        key_cache: Cache of valid API keys.
        rate_limiter: Counter of requests per API key.
        wrong_key_limiter: Counter of wrong keys per address. It is separate, since many
            addresses could displace the buckets of keys.
        decoder_slots: Slots for decoding pictures, in total and per owner.
        upload_slots: Slots for reading request bodies; fewer than the threads, because
            each body occupies a thread while it arrives.
        stream_slots: Slots for open streams and long polls.
        view_cache: Cache of job views.
        watcher: Thread that reads new rows for all streams and long polls.
    """

    settings: Settings
    database: Database
    storage: Storage
    notifier: Notifier
    secret: bytes
    key_cache: KeyCache
    rate_limiter: RateLimiter
    wrong_key_limiter: RateLimiter
    decoder_slots: DecoderSlots
    upload_slots: OwnerSlots
    stream_slots: OwnerSlots
    view_cache: ViewCache
    watcher: Watcher


def install(app: Flask, dependencies: Dependencies) -> None:
    """Set the dependencies that `current_dependencies` returns in requests to `app`."""
    app.extensions[_NAME] = dependencies


def dependencies_of(app: Flask) -> Dependencies:
    """Return the dependencies of an app."""
    return cast("Dependencies", app.extensions[_NAME])


def current_dependencies() -> Dependencies:
    """Return the dependencies of the app that handles the current request."""
    return dependencies_of(current_app)
