"""`impasto doctor`: each thing that is wrong is named, with what mends it."""

from __future__ import annotations

import socket
import sys

import pytest

from shared.commands import doctor


@pytest.fixture
def examine(tmp_path, sqlite_url, monkeypatch, capsys):
    """Run the checks of a farm with some settings; gives the exit code and lines."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)

    def run(*options, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        usual = {
            "home": home, "database_url": sqlite_url, "port": port,
            "storage_url": f"file://{home}/blobs", "redis_url": "redis://127.0.0.1:1/0",
        }  # fmt: skip
        for name, value in (usual | settings).items():
            monkeypatch.setenv(f"IMPASTO_{name.upper()}", str(value))
        monkeypatch.setattr(sys, "argv", ["doctor", *options])
        code = doctor.main()
        return code, capsys.readouterr().out

    return run


def test_all_is_well(examine, redis_server, tmp_path):
    code, said = examine(redis_url=redis_server.url)

    assert code == 0
    names = ["database", "storage", "folder", "redis", "port"]
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["ok", name] for name in names
    ]
    assert not list((tmp_path / "home" / "blobs").iterdir())  # nothing is left over


def test_a_running_farm_has_redis_and_the_port_already(examine):
    code, said = examine("--farm-is-up")

    assert code == 0
    assert [line.split()[1] for line in said.splitlines()] == [
        "database", "storage", "folder",
    ]  # fmt: skip


def test_a_clock_that_is_right_has_no_minus(examine, monkeypatch):
    monkeypatch.setattr(doctor, "_check_clock", lambda _settings: -0.01)

    _, said = examine("--farm-is-up")

    assert "its clock is +0.0 s off" in said


def test_tables_that_are_missing(examine, tmp_path):
    path = tmp_path / "none.sqlite"
    code, said = examine("--farm-is-up", database_url=f"sqlite:///{path}")

    assert code == 1
    assert "WRONG database" in said
    assert "run: impasto migrate" in said
    assert not path.exists()  # looking does not create it


@pytest.mark.parametrize(
    "path", ["file/none.sqlite", "file/deep/none.sqlite", "folder"]
)
def test_a_path_at_which_no_database_can_be(examine, tmp_path, path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    code, said = examine("--farm-is-up", database_url=f"sqlite:///{tmp_path}/{path}")

    assert code == 1
    assert "IMPASTO_DATABASE_URL to a file in a folder that you may write" in said
    assert "migrate" not in said


def test_a_database_that_is_away_and_its_password(examine):
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/impasto"
    code, said = examine("--farm-is-up", database_url=url)

    assert code == 1
    assert "WRONG database" in said
    assert "start it, or set IMPASTO_DATABASE_URL" in said
    assert "secret" not in said


def test_a_file_that_is_no_database(examine, tmp_path):
    path = tmp_path / "garbage.sqlite"
    path.write_bytes(b"x" * 5000)
    code, said = examine("--farm-is-up", database_url=f"sqlite:///{path}")

    assert code == 1
    assert "WRONG database" in said
    assert "file is not a database" in said
    assert "ok    storage" in said


def test_a_redis_that_does_not_answer(examine):
    code, said = examine()

    assert code == 1
    assert "WRONG redis" in said
    assert "IMPASTO_REDIS_URL" in said


def test_a_storage_that_cannot_be_written(examine, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    code, said = examine("--farm-is-up", storage_url=f"file://{tmp_path}/file/blobs")

    assert code == 1
    assert "WRONG storage" in said
    assert "IMPASTO_STORAGE_URL" in said


def test_a_disk_that_is_nearly_full(examine):
    code, said = examine("--farm-is-up", min_free_bytes=2**60)

    assert code == 1
    assert "IMPASTO_MIN_FREE_BYTES" in said


def test_a_port_that_is_taken(examine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = examine(port=taken.getsockname()[1])

    assert code == 1
    assert "WRONG port" in said


def test_a_folder_that_others_can_read(examine, tmp_path):
    (tmp_path / "home").chmod(0o755)
    code, said = examine("--farm-is-up")

    assert code == 1
    assert f"chmod -R go= {tmp_path}/home" in said
