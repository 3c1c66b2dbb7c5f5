"""Parts of a worker that misbehave on purpose."""

from __future__ import annotations

from contextlib import contextmanager

import torch

from shared.errors import DatabaseUnavailable, StorageFull
from worker.engine.vgg.network import Network, build_network


class Moody:
    """A real storage that fails when its mood says so.

    `mood(verb, key)` returns an error to raise, or None.
    """

    def __init__(self, storage, mood):
        self.storage, self.mood, self.calls = storage, mood, []

    def _do(self, verb, key, *data):
        self.calls.append((verb, key))
        if (error := self.mood(verb, key)) is not None:
            raise error
        return getattr(self.storage, verb)(key, *data)

    def put(self, key, data):
        self._do("put", key, data)

    def get(self, key):
        return self._do("get", key)

    def open(self, key):
        return self._do("open", key)

    def delete(self, key):
        self._do("delete", key)

    def free_bytes(self):
        return self.storage.free_bytes()


class Given:
    """Networks made of the weights that a test gives; `look` as of `Watched`."""

    def __init__(self, tensors, look=lambda pixels: None):
        self.tensors, self.look = tensors, look

    def get(self, name, *, float32=False):
        network = build_network(name, self.tensors, torch.device("cpu"))
        return Watched(network, self.look), "given"


class Watched(Network):
    """A network that calls `look(pixels)` before it looks; that may raise."""

    def __init__(self, network, look):
        vars(self).update(vars(network))
        self._look = look

    def with_pooling(self, pooling):
        return Watched(super().with_pooling(pooling), self._look)

    def _run(self, image, names):
        self._look(image.shape[2] * image.shape[3])
        return super()._run(image, names)


def tight(most_pixels):
    """Look on a device whose memory holds the activations of so many pixels."""

    def look(pixels):
        if pixels > most_pixels:
            raise torch.OutOfMemoryError(f"{pixels} pixels")

    return look


def full_for(prefix, times=10**9):
    """A disk that is full for keys with this prefix, the first so many times.

    `prefix` may be a tuple of prefixes.
    """
    left = [times]

    def mood(verb, key):
        if verb == "put" and key.startswith(prefix) and left[0] > 0:
            left[0] -= 1
            return StorageFull(f"blob {key!r}: no space left on device")
        return None

    return mood


class Door:
    """The way to a real database: shut while `is_away`.

    Where `loses()` is true after a commit, its answer does not come back.
    """

    def __init__(self, db):
        self._db, self.is_away, self.loses = db, False, lambda: False

    def __getattr__(self, name):
        return getattr(self._db, name)

    @contextmanager
    def write(self):
        self._knock()
        with self._db.write() as session:
            yield session
        if self.loses():
            raise DatabaseUnavailable("database: the answer was lost")

    @contextmanager
    def read(self):
        self._knock()
        with self._db.read() as session:
            yield session

    def _knock(self):
        if self.is_away:
            raise DatabaseUnavailable("database: away")
