"""SQLite is kept to one host."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from shared.db.database import Database
from shared.db.dialects import file_system_type, require_local_file
from shared.errors import SqliteSharedByHosts
from shared.queries.jobs import read_live_workers
from shared.workers.registry import Registration, register_worker

MOUNTS = [
    SimpleNamespace(mountpoint="/", fstype="ext4"),
    SimpleNamespace(mountpoint="/srv", fstype="nfs4"),
    SimpleNamespace(mountpoint="/srv/local", fstype="tmpfs"),
    SimpleNamespace(mountpoint="/mnt/with space", fstype="cifs"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/impasto.sqlite", "ext4"),
        ("/srv/impasto.sqlite", "nfs4"),
        ("/srv/local/impasto.sqlite", "tmpfs"),
        ("/srvother/impasto.sqlite", "ext4"),
        ("/mnt/with space/impasto.sqlite", "cifs"),
    ],
)
def test_the_deepest_mount_tells_the_file_system(path, kind):
    assert file_system_type(Path(path), MOUNTS) == kind


def test_the_file_system_of_this_machine_is_known(tmp_path):
    assert file_system_type(tmp_path, psutil.disk_partitions(all=True))


def test_a_file_on_a_network_file_system_is_refused(monkeypatch):
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: MOUNTS)

    require_local_file(Path("/srv/local/impasto.sqlite"))
    with pytest.raises(SqliteSharedByHosts, match="nfs4"):
        require_local_file(Path("/srv/impasto.sqlite"))


def presence(worker_id, host):
    return Registration(worker_id, host, f"of {worker_id}", "cpu", "name", 1, {})


def test_workers_of_a_second_host_are_turned_away_from_sqlite(sqlite_url, clock):
    db = Database(sqlite_url, clock)
    register_worker(db, presence("wkr_1", "here"))
    register_worker(db, presence("wkr_2", "here"))

    with pytest.raises(SqliteSharedByHosts, match="'here'") as caught:
        register_worker(db, presence("wkr_3", "there"))
    assert "use PostgreSQL" in caught.value.hint

    clock.advance(31)
    register_worker(db, presence("wkr_3", "there"))
    db.close()


def test_postgresql_takes_workers_of_any_host(postgresql_url, clock):
    db = Database(postgresql_url, clock)
    register_worker(db, presence("wkr_1", "here"))
    register_worker(db, presence("wkr_2", "there"))

    assert len(read_live_workers(db)) == 2
    db.close()
