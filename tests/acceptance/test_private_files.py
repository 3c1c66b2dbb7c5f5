"""What a farm writes is of no other user, whatever the umask of who starts it."""

from __future__ import annotations

from tests.acceptance.farm import CONTENT, STYLE
from tests.support.processes import wait_until

TINY = ["--max-edge", "64", "--schedule", "64:5"]


def test_an_older_open_folder_is_named_and_what_is_new_in_it_is_shut(up, tmp_path):
    result = tmp_path / "result.png"

    assert up.run("run", CONTENT, STYLE, "-o", result, *TINY).returncode == 0

    found = {path.suffix for path in up.home.rglob("*")}
    assert {".sqlite", ".log", ".png", ".sock"} <= found
    assert up.open_to_others() == [up.home.name]
    said = f"other users can look into it: chmod -R go= {up.home}"
    assert said in up.log.read_text()
    for name in ("api", "worker"):
        log = up.home / f"logs/{name}.log"
        wait_until(lambda log=log: "IMPASTO_HOME: other users" in log.read_text())
    assert result.stat().st_mode & 0o777 == 0o644  # the picture is the caller's
