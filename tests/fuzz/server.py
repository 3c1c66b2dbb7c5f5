"""A real server with something in it, and what it must not lose or tell."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import contextmanager

import psutil
from PIL import Image

from shared.auth.api_keys import NewKey, Scope, issue_key
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.jobs.checkpoints import NewFrame, add_frame
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import JobResult, WrittenBlob, complete_job
from shared.settings import Settings
from shared.storage import open_storage
from tests.support.api_process import running_api

_SETTINGS = {
    "max_upload_bytes": 2**20, "max_pixels": 2_000_000, "max_queued_per_owner": 10**6,
    "max_queued": 10**6, "max_streams": 8, "api_threads": 16, "stream_seconds": 0.2,
    "requests_per_minute": 0, "submits_per_minute": 0, "min_free_bytes": 0,
}  # fmt: skip
_DEVICE = Device("wkr_1", "cpu", 10**12)
_MIB = 2**20


def png(color: str, size=(48, 32)) -> bytes:
    """A picture of one color."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


class Farm:
    """A running server, the names its world has, and what it has accepted."""

    def __init__(self, server, database, storage) -> None:
        self.server, self.database, self.storage = server, database, storage
        self.port = int(server.url.rpartition(":")[2])
        self.world: dict[str, str] = {}
        self.secrets: set[str] = set()
        self.accepted: set[str] = set()
        self.deleted: set[str] = set()
        self.bearer: dict[str, str] = {}
        self._seen = 0

    def new_log_lines(self) -> list[str]:
        """What the server has logged since this was last asked."""
        text = self.server.log()
        end = text.rfind("\n") + 1
        lines = text[self._seen : end].split("\n")[:-1]
        self._seen = end
        return lines

    def peak_mib(self) -> float:
        """The most memory that the serving process ever held."""
        found = psutil.Process(self.server.process.pid).children(recursive=True)
        return max(map(peak_bytes, found), default=0) / _MIB

    def renew(self) -> None:
        """Give the world a picture and a job of its own to play with."""
        asset = self.post("/v1/assets", files={"file": ("a.png", png("red"))})
        self.world |= {"asset": asset["id"], "digest": asset["sha256"]}
        self.world["job"] = self.submit()

    def submit(self, **headers) -> str:
        """Make a job, as a form."""
        files = {"content": ("a.png", png("red")), "style": ("b.png", png("blue"))}
        said = {"params": json.dumps({"max_edge": 64})}
        return self.post("/v1/jobs", files=files, data=said, headers=headers)["id"]

    def post(self, path, headers=None, **body):
        """Ask for what must succeed."""
        named = {**self.bearer, **(headers or {})}
        answer = self.server.client.post(path, headers=named, **body)
        assert answer.is_success, answer.text
        said = answer.json()
        self.note(said)
        return said

    def note(self, said) -> None:
        """Remember a job that was accepted."""
        if isinstance(said, dict) and said.get("object") == "job":
            self.accepted.add(said["id"])

    def lost(self) -> set[str]:
        """Jobs that were accepted, never deleted, and are not in the list."""
        missing = self.accepted - self.deleted
        path = "/v1/jobs?limit=200"
        while path and missing:
            answer = self.server.client.get(path, headers=self.bearer)
            missing -= {job["id"] for job in answer.json()["data"]}
            path = answer.links.get("next", {}).get("url")
        return missing

    def finish_one(self) -> str:
        """Bring a job to its end, as a worker does: a preview, a result."""
        job_id = self.submit()
        claim = claim_job(self.database, _DEVICE, "n", 1000)
        assert claim is not None
        assert claim.job_id == job_id
        frame = f"frames/{job_id}/1.jpg"
        self.storage.put(frame, png("red"))
        seen = NewFrame(1, 1, 48, 32, {}, frame, frame)
        add_frame(self.database, claim, seen)
        data, key = png("blue"), f"results/{job_id}/{claim.fence}.png"
        self.storage.put(key, data)
        written = WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))
        complete_job(self.database, claim, JobResult(written, 48, 32, exact=True))
        return job_id


def peak_bytes(process: psutil.Process) -> int:
    """The most memory that a process ever held."""
    try:
        with open(f"/proc/{process.pid}/status") as status:  # noqa: PTH123 - no file
            named = dict(line.split(":", 1) for line in status if ":" in line)
        return int(named["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return process.memory_info().rss


@contextmanager
def _running(home, **settings):
    url = f"sqlite:///{home}/impasto.sqlite"
    migrate(url)
    told = Settings(home=home, database_url=url)
    database = Database(url)
    try:
        with running_api(home, url, **_SETTINGS, **settings) as server:
            yield Farm(server, database, open_storage(told.storage_url))
    finally:
        database.close()


@contextmanager
def open_farm(home):
    """A server that asks for no keys: for this machine only."""
    with _running(home) as farm:
        farm.world["done"] = farm.finish_one()
        farm.renew()
        yield farm


@contextmanager
def keyed_farm(home):
    """A server with two owners; we speak as the first."""
    with _running(home, auth="keys") as farm:
        mine, theirs = (_key(farm, owner) for owner in ("own_mine", "own_theirs"))
        farm.bearer = {"Authorization": f"Bearer {theirs[1]}"}
        farm.world["done"] = farm.finish_one()
        farm.renew()
        farm.world |= {f"their_{n}": farm.world[n] for n in ("job", "asset", "digest")}
        farm.world["their_digest"] = _other_asset(farm)
        farm.world |= {"their_key": theirs[0], "theirs": theirs[1], "mine": mine[1]}
        farm.accepted.clear()
        farm.bearer = {"Authorization": f"Bearer {mine[1]}"}
        farm.renew()
        answer = farm.server.client.post("/session", headers=farm.bearer)
        farm.world["session"] = answer.cookies["impasto_session"]
        farm.world["csrf"] = answer.json()["csrf_token"]
        farm.server.client.cookies.clear()
        farm.secrets |= {mine[1], theirs[1], farm.world["session"]}
        yield farm


def _key(farm, owner) -> tuple[str, str]:
    scopes = frozenset(map(Scope, ("read", "write", "keys")))
    key, secret = issue_key(
        farm.database, NewKey("fuzz", owner_id=owner, scopes=scopes)
    )
    return key.id, secret


def _other_asset(farm) -> str:
    """A picture that only the other owner has."""
    made = farm.post("/v1/assets", files={"file": ("c.png", png("lime"))})
    return made["sha256"]
