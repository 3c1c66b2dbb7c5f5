"""Blobs as files: whole or not at all, never outside their folder."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
import structlog

from shared.errors import BlobMissing, StorageError
from shared.storage import Storage, delete_blobs, open_storage

# The kernel refuses to let a file grow past this limit, as a full disk would.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from shared.errors import StorageFull
from shared.storage import Storage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
storage = Storage(Path(sys.argv[1]))
storage.put("a/small", b"1")
try:
    storage.put("a/large", bytes(5000))
except StorageFull as error:
    sys.exit(0 if "large" in str(error) else 2)
sys.exit(1)
"""


@pytest.fixture
def storage(tmp_path):
    return open_storage(f"file://{tmp_path}/blobs with space")


def test_a_blob_comes_back_as_it_was_stored(storage):
    storage.put("a/b/c", b"bytes")

    assert storage.get("a/b/c") == b"bytes"


def test_a_missing_blob_is_told_apart_from_an_outage(storage):
    with pytest.raises(BlobMissing, match="'nowhere' does not exist"):
        storage.get("nowhere")


def test_deleting_twice_is_no_error(storage):
    storage.put("a", b"1")
    storage.delete("a")
    storage.delete("a")

    with pytest.raises(BlobMissing):
        storage.get("a")


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_key_cannot_leave_the_folder(storage, key):
    with pytest.raises(StorageError, match="leaves the storage folder"):
        storage.put(key, b"1")


def test_a_full_disk_leaves_no_half_file_behind(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], check=False)

    assert done.returncode == 0
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["small"]


def test_a_folder_that_cannot_be_written_is_an_outage(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError):
        Storage(tmp_path / "file").put("a", b"1")


def test_a_reader_never_sees_half_a_blob(storage):
    whole = {bytes([value]) * 200_000 for value in (1, 2)}
    storage.put("k", bytes([1]) * 200_000)
    ended = threading.Event()

    def write():
        for turn in range(60):
            storage.put("k", bytes([turn % 2 + 1]) * 200_000)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not ended.is_set():
        seen.add(storage.get("k"))
    writer.join()

    assert seen <= whole


def test_free_space_is_known_before_the_first_blob(storage):
    assert storage.free_bytes() > 0


def test_every_blob_is_met_and_what_a_killed_process_left(storage, tmp_path):
    assert list(storage.blobs()) == []
    storage.put("results/job/1.png", b"four")
    storage.put("assets/ab", b"")
    half = next(tmp_path.rglob("1.png")).with_name(".1.png.0badcafe")
    half.write_bytes(b"ha")

    met = {blob.key: blob.bytes for blob in storage.blobs()}

    assert met == {
        "results/job/1.png": 4,
        "assets/ab": 0,
        "results/job/.1.png.0badcafe": 2,
    }
    assert all(abs(blob.modified_at - time.time()) < 60 for blob in storage.blobs())


def test_one_blob_that_cannot_be_deleted_is_logged_and_the_others_go(tmp_path):
    class Stubborn(Storage):
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
