"""Resources of a process: everything through which it can change or see the world.

Each is a point at which others may run, time passes, a trap may spring, and the call
may fail: before it takes effect, or after, so that only its answer is lost. A dead
process reaches no resource.
"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typing_extensions import override

from shared.db.read_cache import ReadCache
from shared.errors import BlobMissing, DatabaseUnavailable, StorageError, StorageFull
from shared.storage import Storage, StoredBlob
from tests.simulation.farm.databases import WatchedDatabase
from tests.simulation.farm.troubles import AWAY, DATABASE, DEAF, FLAKY, FULL, STORAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO, Any

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from tests.simulation.farm.processes import Process
    from tests.simulation.farm.world import World

_CALLER = 2  # frames from `write()` to who opened the transaction, by contextlib


class SimulatedDatabase(WatchedDatabase):
    """The one real database, as one process reaches it.

    A transaction is one step, as on SQLite: no other begins before it ends.
    """

    def __init__(self, world: World, process: Process) -> None:
        vars(self).update(vars(world.database))
        self._world, self._process = world, process
        self.read_cache = ReadCache(0.0)

    @property
    @override
    def serves_one_host(self) -> bool:
        return False

    @contextmanager
    @override
    def write(self) -> Iterator[Session]:
        point = sys._getframe(_CALLER).f_code.co_name
        self._enter(point)
        with super().write() as session:
            yield session
        self._world.watch_events(self._process)
        self._world.watch_leases(self._process)
        self._leave(point)

    @contextmanager
    @override
    def read(self) -> Iterator[Session]:
        point = sys._getframe(_CALLER).f_code.co_name
        self._enter(point)
        with super().read() as session:
            yield session
        self._leave(point)

    @override
    def read_row(
        self, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        self._enter("read_row")
        return super().read_row(statement, parameters)

    @override
    def close(self) -> None:
        """Close nothing: other processes use the same engine."""

    def _enter(self, point: str) -> None:
        self._world.step(self._process, f"before {point}")
        self._fail({AWAY, FLAKY})

    def _leave(self, point: str) -> None:
        if self._world.step(self._process, f"after {point}"):
            raise DatabaseUnavailable("database: the answer was lost")
        self._fail({AWAY, DEAF})

    def _fail(self, kinds: set[str]) -> None:
        trouble = self._world.troubles.find(DATABASE, kinds, self._process)
        if trouble is not None:
            self._world.scheduler.sleep(trouble.hang_seconds)
            raise DatabaseUnavailable(f"database: {trouble.kind}")


class Blobs:
    """What the storage holds: bytes and time by key."""

    def __init__(self) -> None:
        self.data: dict[str, tuple[bytes, float]] = {}

    def blobs(self) -> Iterator[StoredBlob]:
        """Iterate over all blobs."""
        for key, (data, at) in [*self.data.items()]:
            yield StoredBlob(key, len(data), at)

    def delete(self, key: str) -> None:
        """Delete a blob."""
        self.data.pop(key, None)


class SimulatedStorage(Storage):
    """The storage, as one process reaches it."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process, self._blobs = world, process, world.blobs

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Store a blob under a temporary name, then under its own."""
        whole = data if isinstance(data, bytes) else data.read()
        folder, _, name = key.rpartition("/")
        temporary = f"{folder}/.{name}.{self._world.random_hex(4)}"
        kind = key.partition("/")[0]
        self._enter(f"put {kind}", {AWAY, FLAKY, FULL})
        self._blobs.data[temporary] = (whole, self._process.clock.time())
        self._world.step(self._process, f"written {kind}")
        self._blobs.data[key] = self._blobs.data.pop(temporary)
        self._leave(f"put {kind}")

    def get(self, key: str) -> bytes:
        """Read a blob."""
        self._enter(f"get {key.partition('/')[0]}", {AWAY, FLAKY})
        if key not in self._blobs.data:
            raise BlobMissing(f"blob {key!r} does not exist")
        return self._blobs.data[key][0]

    def open(self, key: str) -> IO[bytes]:
        """Open a blob."""
        return io.BytesIO(self.get(key))

    def delete(self, key: str) -> None:
        """Delete a blob."""
        self._enter("delete", {AWAY, FLAKY})
        self._blobs.data.pop(key, None)
        self._leave("delete")

    def blobs(self) -> Iterator[StoredBlob]:
        """Iterate over all blobs."""
        yield from self._blobs.blobs()

    def free_bytes(self) -> int:
        """Return a lot."""
        return 2**40

    def _enter(self, point: str, kinds: set[str]) -> None:
        self._world.step(self._process, f"before {point}")
        self._fail(kinds)

    def _leave(self, point: str) -> None:
        if self._world.step(self._process, f"after {point}"):
            raise StorageError("storage: the answer was lost")
        self._fail({DEAF})

    def _fail(self, kinds: set[str]) -> None:
        trouble = self._world.troubles.find(STORAGE, kinds, self._process)
        if trouble is None:
            return
        self._world.scheduler.sleep(trouble.hang_seconds)
        if trouble.kind == FULL:
            raise StorageFull("no space left on device")
        raise StorageError(f"storage: {trouble.kind}")
