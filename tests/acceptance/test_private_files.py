"""What a farm writes is of no other user, whatever the umask of who starts it."""

from __future__ import annotations

import pytest

from tests.acceptance.farm import CONTENT, STYLE
from tests.support.processes import wait_until

TINY = ["--max-edge", "64", "--schedule", "64:5"]


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


def test_a_new_farm_shows_nothing_to_other_users(up, tmp_path):
    result = tmp_path / "result.png"

    assert up.run("run", CONTENT, STYLE, "-o", result, *TINY).returncode == 0

    found = {path.suffix for path in up.home.rglob("*")}
    assert {".sqlite", ".log", ".png", ".sock"} <= found
    assert open_to_others(up.home) == []
    said = up.log.read_text() + (up.home / "logs/api.log").read_text()
    assert "other users" not in said
    assert result.stat().st_mode & 0o777 == 0o644  # the picture is the caller's


def test_an_older_open_folder_is_named_and_what_is_new_in_it_is_shut(farm):
    farm.home.mkdir(mode=0o755)

    farm.up()

    assert open_to_others(farm.home) == [farm.home.name]
    said = farm.log.read_text()
    assert f"other users can look into it: chmod -R go= {farm.home}" in said
    for name in ("api", "worker"):
        log = farm.home / f"logs/{name}.log"
        wait_until(lambda log=log: "IMPASTO_HOME: other users" in log.read_text())


@pytest.mark.parametrize("command", [["keys", "list"], ["migrate"]])
def test_a_command_makes_the_folder_private(farm, command):
    farm.run(*command)

    assert not farm.home.exists() or open_to_others(farm.home) == []
    assert farm.home.exists() or command != ["migrate"]
