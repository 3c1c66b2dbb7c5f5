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
    """Everything that views use, shared by all threads of a process.

    Attributes:
        settings: Settings of the deployment.
        database: Database with the rows.
        storage: Storage with the blobs.
        notifier: Sender of notifications to workers.
        secret: Key that signs page cursors and cookies.
        key_cache: Cache of valid API keys.
        rate_limiter: Counter of requests per API key.
        wrong_key_limiter: Counter of wrong keys per address; apart, since addresses are
            many and may crowd out what else is counted.
        decoder_slots: Pictures that may be decoded at once, in all and per owner.
        upload_slots: Request bodies that may be read at once. Fewer than there are
            threads, because each holds a thread while it arrives.
        stream_slots: Streams and long polls that may be open at once.
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
    """Set what `current_dependencies` returns inside requests to `app`."""
    app.extensions[_NAME] = dependencies


def dependencies_of(app: Flask) -> Dependencies:
    """Return the dependencies of an app."""
    return cast("Dependencies", app.extensions[_NAME])


def current_dependencies() -> Dependencies:
    """Return the dependencies of the app that handles the current request."""
    return dependencies_of(current_app)
