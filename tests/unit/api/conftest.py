"""An API over a real SQLite file and a real folder; only the notifier is a double."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask.testing import FlaskClient
from PIL import Image

from api.app import connect_app, create_app
from api.dependencies import dependencies_of
from api.explorations import service
from shared.auth.api_keys import NewKey, Scope, issue_key
from shared.db.database import Database
from shared.errors import Diverged
from shared.jobs.checkpoints import NewFrame, add_frame
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import (
    JobResult,
    WrittenBlob,
    complete_job,
    fail_job,
    renew_lease,
)
from shared.params.formats import FORMATS
from shared.settings import Settings
from shared.storage import open_storage
from shared.workers.registry import Registration, register_worker

DEVICE = Device("wkr_1", "cpu", 10**12)


class FakeNotifier:
    """Remembers the jobs it was called for; can be out of order."""

    def __init__(self):
        self.notified = []
        self.works = True

    def notify(self, job_id, device_class):
        self.notified.append(job_id)
        return self.works

    def ping(self):
        return self.works


class Client(FlaskClient):
    """Reads each answer to its end, so that no file stays open."""

    def open(self, *args, **kwargs):
        return super().open(*args, buffered=True, **kwargs)


class Api:
    """The app, what it stands on, and a client that talks to it."""

    def __init__(self, settings, clock, busy_seconds=5.0, app=None, db=None):
        self.settings = settings
        self.db = db or Database(
            settings.database_url, clock, busy_seconds, fresh_seconds=0
        )
        self.storage = open_storage(settings.storage_url)
        self.notifier = FakeNotifier()
        parts = (settings, self.db, self.storage, self.notifier, clock)
        self.app = app or create_app(*parts)
        if app:
            connect_app(app, *parts)
        self.dependencies = dependencies_of(self.app)
        self.app.test_client_class = Client
        self.client = self.app.test_client()

    def submit(self, files=None, params=None, headers=None, **fields):
        """POST the form; `params` is a dict, or text to be sent as it is."""
        if files is None:
            files = [("content", picture()), ("style", picture("blue"))]
        form = {}
        for name, data in files:
            form.setdefault(name, []).append((io.BytesIO(data), f"{name}.png"))
        if params is not None:
            text = params if isinstance(params, str) else json.dumps(params)
            fields["params"] = text
        return self.client.post(
            "/v1/jobs",
            data={**form, **fields},
            content_type="multipart/form-data",
            headers=headers,
        )

    def submitted(self, **params):
        """Submit a good job and return its id."""
        response = self.submit(params=params)
        assert response.status_code == 202, response.text
        return response.json["id"]

    def token(self, *scopes, **about):
        """Make a key and return it; without scopes, one that may read and write."""
        if scopes:
            about["scopes"] = frozenset(map(Scope, scopes))
        return issue_key(self.db, NewKey(**about))[1]

    def bearer(self, *scopes, **about):
        """Headers with a key of its own owner, unless `owner_id` says another."""
        return {"Authorization": f"Bearer {self.token(*scopes, **about)}"}

    def worker(self, **about):
        named = {"device_class": "cpu", "device_bytes": 10**12, **about}
        presence = Registration(
            "wkr_1", "box", "u-1", device_name="A CPU", versions={}, **named
        )
        register_worker(self.db, presence)

    def claimed(self, nonce="n"):
        claim = claim_job(self.db, DEVICE, nonce, 1000)
        assert claim is not None
        return claim

    def beat(self, claim, **progress):
        told = {
            "phase": "optimizing",
            "scale": 1,
            "width": 256,
            "height": 128,
            "scale_iteration": 10,
            "iteration": 110,
            "losses": {"total": 2.0, "content": 1.5, "style": 0.5, "tv": 0.0},
            "seconds_per_mpx_iteration": 2.0,
            "elapsed_seconds": 61.6,
            "updated_at": 1_800_000_000.0,
        }
        told |= progress
        if pace := told["seconds_per_mpx_iteration"]:  # of three scales, as by default
            sizes = (side**2 / 2 / 1e6 for side in (128, 256, 512))
            told.setdefault("iteration_seconds", [pace * size for size in sizes])
        renew_lease(self.db, claim, 1000, told["iteration"], told)

    def finish(self, claim, data=b"\x89PNG the result"):
        ending = FORMATS[claim.params.format].extension
        key = f"results/{claim.job_id}/{claim.fence}{ending}"
        self.storage.put(key, data)
        digest = hashlib.sha256(data).hexdigest()
        written = WrittenBlob(key, digest, len(data))
        complete_job(self.db, claim, JobResult(written, 512, 341, exact=True))
        return digest

    def frame(self, claim, iteration=100, data=b"jpeg"):
        key = f"frames/{claim.job_id}/{iteration}.jpg"
        self.storage.put(key, data)
        frame = NewFrame(iteration, 1, 256, 170, {}, key, key)
        add_frame(self.db, claim, frame)

    def fail(self, claim, *, retryable=False):
        failure = Diverged("no finite loss", hint="lower it")
        failure.retryable = retryable
        fail_job(self.db, claim, failure, 10)


def picture(color="red", size=(64, 48), kind="PNG", mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, kind)
    return buffer.getvalue()


def folder_in_memory():
    """A folder in memory where there is one: each submit syncs to disk many times."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder below it has a random name
    return TemporaryDirectory(dir=memory if memory.is_dir() else None)


@pytest.fixture
def tmp_path():
    with folder_in_memory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def sqlite_path():
    with folder_in_memory() as folder:
        yield Path(folder) / "impasto.sqlite"


@pytest.fixture
def sqlite_url(sqlite_path, migrated_sqlite):
    """A new file at the place of the last test's."""
    for path in sqlite_path.parent.iterdir():
        path.unlink()
    sqlite_path.write_bytes(migrated_sqlite)
    return f"sqlite:///{sqlite_path}"


class IdleParts:
    """Apps and databases that no test uses.

    To compile their addresses and their SQL takes longer than most tests do.
    """

    def __init__(self):
        self.apps, self.databases, self.clock = [], [], None

    def now(self):
        return self.clock()

    def database(self, url):
        """A closed database at `url`, with the clock of the test that runs."""
        return (
            self.databases.pop()
            if self.databases
            else Database(url, self.now, fresh_seconds=0)
        )


@pytest.fixture(scope="session")
def idle_parts():
    return IdleParts()


@pytest.fixture(autouse=True)
def _few_shipped_photos(monkeypatch, photos):
    """Nine tiny photos are shipped: the first exploration of an owner stores each."""
    monkeypatch.setattr(service, "SHIPPED_FOLDER", photos)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(9):
        data = picture((20 * number, 0, 0), kind="JPEG")
        (folder / f"{number}.jpg").write_bytes(data)
    return folder


@pytest.fixture
def make_api(tmp_path, sqlite_url, clock, idle_parts):
    """Build an API with other settings than the default ones.

    With `new_app`, the test may change the app itself.
    """
    made, idle_parts.clock = [], clock

    def make(*, new_app=False, database_url=sqlite_url, **settings):
        app = idle_parts.apps.pop() if idle_parts.apps and not new_app else None
        usual = database_url == sqlite_url
        db = idle_parts.database(database_url) if usual else None
        told = Settings(home=tmp_path, database_url=database_url, **settings)
        api = Api(told, clock, app=app, db=db)
        made.append((api, usual, new_app))
        return api

    yield make
    for api, is_usual, is_changed in made:
        api.dependencies.watcher.close()
        api.db.close()
        if is_usual:
            idle_parts.databases.append(api.db)
        if not is_changed:
            idle_parts.apps.append(api.app)


@pytest.fixture
def api(make_api):
    return make_api()


@pytest.fixture
def new_api(make_api):
    """An API to whose app a test may add addresses."""
    return make_api(new_app=True)


@pytest.fixture
def keyed(make_api):
    """An API that asks for keys, as on a network."""
    return make_api(auth="keys", host="0.0.0.0")  # noqa: S104 - nothing is bound


@pytest.fixture
def client(api):
    return api.client


@pytest.fixture
def a_picture():
    return picture


@pytest.fixture
def nine(a_picture):
    return [a_picture((shade, 0, 0)) for shade in range(0, 90, 10)]
