from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import api

ROOT = Path(api.__file__).parents[1]

PROGRAM = """
import sys, threading
from api.wsgi import app
made = app()
assert made.test_client().get("/livez").status_code == 200
assert "maintenance" in {thread.name for thread in threading.enumerate()}
heavy = {"torch", "numpy", "worker"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_server_starts_from_the_environment_alone_and_stays_light(
    tmp_path, sqlite_url
):
    environment = {
        **os.environ,
        "IMPASTO_HOME": str(tmp_path),
        "IMPASTO_DATABASE_URL": sqlite_url,
        "IMPASTO_REDIS_URL": "redis://127.0.0.1:1/0",
    }

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
