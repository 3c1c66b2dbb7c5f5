"""Deletion of blobs that no row names: one that fails stops none of the others."""

from __future__ import annotations

import structlog

from shared.errors import StorageError
from shared.storage.base import delete_blobs
from shared.storage.local import LocalStorage


def test_one_blob_that_cannot_be_deleted_is_logged_and_the_others_go(tmp_path):
    class Stubborn(LocalStorage):
        def delete(self, key):
            if key == "b":
                raise StorageError("the disk is away")
            super().delete(key)

    storage = Stubborn(tmp_path)
    for key in "abc":
        storage.put(key, b"1")

    with structlog.testing.capture_logs() as logs:
        delete_blobs(storage, ["a", "b", "gone", "c"])

    assert [blob.key for blob in storage.blobs()] == ["b"]
    assert [(entry["event"], entry["key"]) for entry in logs] == [
        ("blob_deletion_failed", "b")
    ]
