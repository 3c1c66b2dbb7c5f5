"""Hostile pictures sent to a real server: each within its CPU time and memory.

They are sent as masks of an estimate, with a key that may only read: this inspects and
decodes them in full. Prints a table of Markdown.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

import psutil

from shared.auth.api_keys import NewKey, Scope, issue_key
from shared.db.database import Database
from shared.db.migrate import migrate
from tests.fuzz.hostile_pictures import ORDINARY_SECONDS, PICTURES, ordinary_picture
from tests.fuzz.server import peak_bytes, png
from tests.support.api_process import running_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fuzz.hostile_pictures import Hostile

_LOOK_SECONDS = 0.005
_MIB = 2**20
_HEADER = (
    "| picture | bytes | CPU seconds | MiB | answer |\n"
    "| --- | ---: | ---: | ---: | --- |"
)
_REFUSALS = {"image-unreadable", "image-too-large"}


class _Meter(Thread):
    """Sums what the server and its children compute and hold while it runs."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root, self._ended = psutil.Process(pid), Event()
        self._seconds: dict[int, float] = {}
        self._peaks: dict[int, int] = {}
        self._look()
        self._before = dict(self._seconds)
        self._standing = set(self._seconds)

    @property
    def seconds(self) -> float:
        """CPU seconds since the start."""
        return sum(self._seconds.values()) - sum(self._before.values())

    @property
    def mebibytes(self) -> float:
        """The most that a process which came meanwhile held."""
        peaks = [n for pid, n in self._peaks.items() if pid not in self._standing]
        return max(peaks, default=0) / _MIB

    def run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        for process in (self._root, *self._root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                times = process.cpu_times()
                self._seconds[process.pid] = times.user + times.system
                held = max(self._peaks.get(process.pid, 0), peak_bytes(process))
                self._peaks[process.pid] = held  # one that has ended holds nothing

    def end(self) -> None:
        self._look()
        self._ended.set()
        self.join()


@contextmanager
def _farm(home: Path):
    url = f"sqlite:///{home}/impasto.sqlite"
    migrate(url)
    database = Database(url)
    scopes = frozenset({Scope("read")})
    try:
        _, secret = issue_key(database, NewKey("hostile", scopes=scopes))
        settings = {"auth": "keys", "submits_per_minute": 0, "min_free_bytes": 0}
        with running_api(home, url, **settings) as server:
            server.client.headers["Authorization"] = f"Bearer {secret}"
            _send(server, png("red"))  # the process that forks is there from now on
            yield server
    finally:
        database.close()


def send_hostile_pictures(home: Path, say) -> Iterator[str]:
    """Send all of them, one after another; `say` prints a line.

    Yields:
        After each picture what went wrong, or nothing but an empty text.
    """
    with _farm(home) as server:
        say(_HEADER)
        for name, hostile in PICTURES.items():
            data = hostile.make()
            meter, answer = _measure(server, data)
            found = f"{meter.seconds:.1f} | {meter.mebibytes:.0f} | {_words(answer)}"
            say(f"| {name} | {len(data):,} | {found} |")
            slowness = 1.0
            if meter.seconds > hostile.seconds:
                slowness = _slowness(server)
                say(f"this machine takes {slowness:.1f} times as long as usual")
            yield "; ".join(_complaints(name, hostile, meter, answer, slowness))


def _measure(server, data: bytes):
    meter = _Meter(server.process.pid)
    meter.start()
    try:
        answer = _send(server, data)
    finally:
        meter.end()
    return meter, answer


def _slowness(server) -> float:
    """CPU time of an ordinary picture now, over the usual one; from 1 to 5.

    Time that a machine takes for new memory differs most: fivefold has been seen.
    """
    meter, _ = _measure(server, ordinary_picture())
    return min(max(1.0, meter.seconds / ORDINARY_SECONDS), 5.0)


def _complaints(
    name: str, hostile: Hostile, meter: _Meter, answer, slowness: float
) -> Iterator[str]:
    limit = hostile.seconds * slowness
    if meter.seconds > limit:
        yield f"{name}: {meter.seconds:.1f} s of CPU time, not {limit:.1f}"
    if meter.mebibytes > hostile.mebibytes:
        yield f"{name}: {meter.mebibytes:.0f} MiB, not {hostile.mebibytes}"
    if answer.status_code not in {200, 400, 422}:
        yield f"{name}: answered {answer.status_code}"
    elif hostile.is_taken is (_code(answer) in _REFUSALS):
        yield f"{name}: {_words(answer)}"


def _send(server, data: bytes):
    files = {"content": ("a", png("red", (64, 64))), "style": ("b", png("blue")),
             "mask_0": ("c", data)}  # fmt: skip
    return server.client.post("/v1/estimates", files=files, timeout=120)


def _code(answer) -> str:
    found = answer.json()
    errors = found.get("errors") or [{}]
    return errors[0].get("code", found.get("code", ""))


def _words(answer) -> str:
    if answer.status_code in {200, 422} and _code(answer) not in _REFUSALS:
        return "taken"  # or black everywhere, which is a picture, but no mask
    found = answer.json()
    errors = found.get("errors") or [{}]
    return f"{answer.status_code}: {errors[0].get('detail', found.get('detail'))}"
