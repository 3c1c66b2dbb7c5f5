"""What a farm writes is of no other user, whatever the umask of who starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE_SECONDS, wait_until

SAMPLES = Path(__file__).parents[2] / "samples"
JOB = ["--max-edge", "64", "--schedule", "64:5"]


def environment(home, weights_dir):
    clean = {name: text for name, text in os.environ.items() if "IMPASTO" not in name}
    named = {"IMPASTO_HOME": str(home), "IMPASTO_WEIGHTS_DIR": str(weights_dir)}
    return {**clean, **named}


@contextmanager
def farm_up(home, weights_dir, log):
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "impasto", "up", "--devices", "cpu", "--port", "0"],
            env=environment(home, weights_dir),
            stdout=out,
            stderr=out,
            umask=0o022,
        )
    try:
        wait_until(lambda: (home / "stack.json").exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def open_to_others(folder):
    """Names of what others can reach; what went away meanwhile counts as shut."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        try:
            if path.lstat().st_mode & 0o077:
                found.append(path.name)
        except FileNotFoundError:
            pass
    return found


def test_a_new_farm_shows_nothing_to_other_users(tmp_path, weights_dir):
    home, log, result = tmp_path / "home", tmp_path / "log", tmp_path / "result.png"

    with farm_up(home, weights_dir, log):
        names = [SAMPLES / "chelsea.jpg", SAMPLES / "strokes.jpg", "-o", result]
        subprocess.run(
            [sys.executable, "-m", "impasto", "run", *map(str, names), *JOB],
            env=environment(home, weights_dir),
            check=True,
            capture_output=True,
            umask=0o022,
        )
        found = {path.suffix for path in home.rglob("*")}
        assert {".sqlite", ".log", ".png", ".sock"} <= found
        assert open_to_others(home) == []

    assert "other users" not in log.read_text() + (home / "logs/api.log").read_text()
    assert result.stat().st_mode & 0o777 == 0o644  # the picture is the caller's


def test_an_older_open_folder_is_named_and_what_is_new_in_it_is_shut(
    tmp_path, weights_dir
):
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    home.chmod(0o755)

    with farm_up(home, weights_dir, log):
        assert set(open_to_others(home)) <= {"home"}

    said = log.read_text()
    assert f"other users can look into it: chmod -R go= {home}" in said
    for name in ("api", "worker"):
        assert "IMPASTO_HOME: other users" in (home / f"logs/{name}.log").read_text()


@pytest.mark.parametrize("command", [["keys", "list"], ["migrate"]])
def test_a_command_makes_the_folder_private(tmp_path, weights_dir, command):
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-m", "impasto", *command],
        env=environment(home, weights_dir),
        capture_output=True,
        check=False,
        umask=0o022,
    )

    assert not home.exists() or open_to_others(home) == []
    assert home.exists() or command != ["migrate"]
