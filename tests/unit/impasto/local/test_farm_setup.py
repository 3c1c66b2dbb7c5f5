"""The pieces of the embedded stack: lock, port, socket, database copy, weights."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import tempfile
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from impasto.client.discovery import RunningFarm, write_running_farm
from impasto.errors import AlreadyRunning, FarmError, HomeUnusable, WeightsMissing
from impasto.local import farm
from impasto.local.farm import (
    child_environment,
    reserve_port,
    server_command,
    socket_path,
)
from impasto.local.lock import lock_home
from impasto.local.migrate import back_up, migrate, sqlite_path
from impasto.local.weights import require_weights


def test_a_second_holder_of_the_folder_is_told_who_has_it(tmp_path):
    running = RunningFarm("http://127.0.0.1:8470", os.getpid(), "")

    with lock_home(tmp_path):
        write_running_farm(tmp_path, running)
        with (
            pytest.raises(AlreadyRunning, match=rf"127.0.0.1:8470 \(pid {os.getpid()}"),
            lock_home(tmp_path),
        ):
            pass

    with lock_home(tmp_path):
        pass  # let go of


def test_a_stack_that_is_still_starting_is_named_by_its_process(tmp_path):
    with (
        lock_home(tmp_path / "new"),
        pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"),
        lock_home(tmp_path / "new"),
    ):
        pass


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    for home in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nope")):
        with pytest.raises(HomeUnusable, match=str(home)), lock_home(home):
            pass


def test_a_migration_has_a_session_that_no_terminal_interrupts(tmp_path, monkeypatch):
    (tmp_path / "shared" / "commands").mkdir(parents=True)
    (tmp_path / "shared" / "__init__.py").touch()
    (tmp_path / "shared" / "commands" / "__init__.py").touch()
    (tmp_path / "shared" / "commands" / "migrate.py").write_text(
        "import os, sys\nsys.exit(f'session of {os.getsid(0) == os.getpid()}')\n"
    )

    with pytest.raises(FarmError, match="session of True"):
        migrate(tmp_path, {**os.environ, "PYTHONPATH": str(tmp_path)}, print)


def test_a_command_that_looks_for_the_stack_does_not_keep_it_from_starting(tmp_path):
    with lock_home(tmp_path):
        pass
    with (tmp_path / "lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        done = threading.Timer(0.05, fcntl.flock, (looking, fcntl.LOCK_UN))
        done.start()

        with lock_home(tmp_path):
            done.join()


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_usual_port_is_taken_if_it_is_free_else_any(taken_port):
    with reserve_port(0) as free:
        pass

    with reserve_port(None, default=free) as usual:
        assert usual == free
    with reserve_port(None, default=taken_port) as other:
        assert other not in {0, taken_port}


class Stopped(Exception):
    """Stands in for all that follows the choice of the port."""


@pytest.fixture
def stop_after_port(monkeypatch):
    """End the start of a farm once its port is chosen; return the port it took."""
    chosen = []

    def stop(_environment, _home, _socket, port):
        chosen.append(port)
        raise Stopped

    monkeypatch.setattr(farm, "require_dependencies", lambda _extra: None)
    monkeypatch.setattr(farm, "server_binary", lambda: "redis-server")
    monkeypatch.setattr(farm, "child_environment", stop)
    return chosen


@pytest.mark.parametrize("requested", [None, 0])
def test_a_farm_says_so_if_the_usual_port_is_taken(
    tmp_path, monkeypatch, taken_port, stop_after_port, requested
):
    reserve = partial(reserve_port, default=taken_port)
    monkeypatch.setattr(farm, "reserve_port", reserve)
    monkeypatch.setattr(farm, "DEFAULT_PORT", taken_port)
    said, home = [], tmp_path / "home"
    config = farm.FarmConfig(home, "cpu", requested, {})

    with pytest.raises(Stopped), farm.run_farm(config, said.append):
        pass

    (port,) = stop_after_port
    message = f"port {taken_port} is taken; this farm uses {port}"
    assert said == ([message] if requested is None else [])


@pytest.mark.parametrize(("words", "port"), [([], 9012), (["--port", "9013"], 9013)])
def test_up_takes_the_port_of_the_environment_unless_an_option_names_one(
    impasto, monkeypatch, words, port
):
    asked = []

    def run_farm(config, _report):
        asked.append(config.port)
        raise FarmError("as far as this test goes")

    monkeypatch.setenv("IMPASTO_PORT", "9012")
    monkeypatch.setattr("impasto.local.weights.require_weights", lambda _environ: None)
    monkeypatch.setattr(farm, "run_farm", run_farm)

    impasto("up", *words)

    assert asked == [port]


def test_two_farms_that_start_at_once_get_two_ports():
    with reserve_port(0) as free:
        pass

    with reserve_port(None, default=free) as one, reserve_port(None, free) as other:
        assert one == free
        assert other not in {0, free}


def test_a_server_that_shares_ports_may_listen_on_the_reserved_one():
    with reserve_port(0) as port, socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", port))
        server.listen()

        for _connection in range(20):  # none of them goes to the reservation
            socket.create_connection(("127.0.0.1", port)).close()
            server.accept()[0].close()


def test_a_port_that_was_told_is_never_replaced(taken_port):
    with (
        pytest.raises(FarmError, match=f"port {taken_port} is taken"),
        reserve_port(taken_port),
    ):
        pass


def test_the_socket_lies_in_the_data_folder_where_its_path_is_short():
    with tempfile.TemporaryDirectory() as home, socket_path(Path(home)) as path:
        assert path.parent == Path(home) / "run"
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_long_path_moves_the_socket_to_a_folder_that_goes_away(tmp_path):
    with socket_path(tmp_path / ("x" * 120)) as path:
        assert len(os.fsencode(path)) < 100
        assert path.parent.stat().st_mode & 0o777 == 0o700

    assert not path.parent.exists()


def test_the_broker_opens_no_port_and_keeps_nothing():
    command = " ".join(server_command("redis-server", Path("/d/s")))

    assert "--port 0 --unixsocket /d/s --unixsocketperm 700 --dir /d" in command
    assert "--appendonly no --maxmemory-policy noeviction" in command


def test_a_copy_of_the_database_has_what_its_journal_holds(tmp_path):
    database = tmp_path / "impasto.sqlite"
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("create table t as select 42 as answer")
        writer.commit()
        copy = back_up(database, tmp_path / "backups")

    with closing(sqlite3.connect(copy)) as reader:
        assert reader.execute("select answer from t").fetchone() == (42,)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("", Path("/home/impasto.sqlite")),
        ("sqlite:////d/x.sqlite", Path("/d/x.sqlite")),
        ("sqlite+pysqlite:////d/x.sqlite", Path("/d/x.sqlite")),
        ("sqlite:////d/x.sqlite?timeout=9", Path("/d/x.sqlite")),
        ("sqlite://", None),
        ("postgresql+psycopg://h/d", None),
    ],
)
def test_only_a_file_is_copied(url, path):
    environment = {"IMPASTO_DATABASE_URL": url}

    assert sqlite_path(Path("/home"), environment) == path


def test_missing_weights_are_named_with_the_command_that_fetches_them(tmp_path):
    environment = {"IMPASTO_WEIGHTS_DIR": str(tmp_path)}

    with pytest.raises(WeightsMissing) as caught:
        require_weights(environment)
    assert "impasto weights fetch" in caught.value.hint

    (tmp_path / "vgg16.safetensors").touch()
    require_weights(environment)


def test_children_find_the_stack_and_keep_what_they_inherit():
    inherited = {"PATH": "/bin", "IMPASTO_PORT": "1", "IMPASTO_HOME": "elsewhere"}

    found = child_environment(inherited, Path("/h"), Path("/h/s"), 8470)

    assert found["PATH"] == "/bin"
    assert found["IMPASTO_HOME"] == "/h"
    assert found["IMPASTO_PORT"] == "8470"
    assert found["IMPASTO_REDIS_URL"] == "unix:///h/s?db=0"
