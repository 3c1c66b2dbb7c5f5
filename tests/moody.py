"""Parts of a worker that misbehave on purpose."""

from __future__ import annotations

import torch

from shared.errors import StorageFull
from worker.engine.features import build_network


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

    def delete(self, key):
        self._do("delete", key)

    def free_bytes(self):
        return self.storage.free_bytes()


class Given:
    """Networks made of the weights that a test gives."""

    def __init__(self, tensors):
        self.tensors = tensors

    def get(self, name):
        return build_network(name, self.tensors, torch.device("cpu")), "given"


def full_for(prefix, times=10**9):
    """A disk that is full for keys with this prefix, the first so many times."""
    left = [times]

    def mood(verb, key):
        if verb == "put" and key.startswith(prefix) and left[0] > 0:
            left[0] -= 1
            return StorageFull(f"blob {key!r}: no space left on device")
        return None

    return mood
