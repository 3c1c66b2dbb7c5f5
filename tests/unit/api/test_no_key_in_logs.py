"""No API key ever stands in the log, whatever the request and however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import api

ROOT = Path(api.__file__).parents[1]
UNKNOWN = "imp_unknown-to-this-farm"

# Its own process: logging is set up as in the server, at the level that says most.
PROGRAM = """
import os, sys
from api.services import current_services
from api.wsgi import app
from shared import jobs

made = app()
made.add_url_rule("/v1/explode", view_func=lambda: 1 / 0)
with made.app_context():
    database = current_services().database
good = jobs.create_key(database, "me")
client = made.test_client()
paths = ("/v1/jobs", "/v1/jobs/job_none", "/v1/explode", "/readyz")
for token in (good, sys.argv[1]):
    for header in (f"Bearer {token}", f"Basic {token}", f"Bearer {token} {token}"):
        for path in paths:
            answer = client.get(path, headers={"Authorization": header})
            print(path, answer.status_code)
            assert token not in answer.text
database.close()
os.unlink(database.url.database)
for token in (good, sys.argv[1]):
    answer = client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    print("without a database", answer.status_code)
print(good)
"""


def test_no_key_good_or_bad_is_ever_logged(tmp_path, sqlite_url):
    environment = {
        **os.environ,
        "IMPASTO_HOME": str(tmp_path),
        "IMPASTO_DATABASE_URL": sqlite_url,
        "IMPASTO_REDIS_URL": "redis://127.0.0.1:1/0",
        "IMPASTO_AUTH": "keys",
        "IMPASTO_LOG_LEVEL": "DEBUG",
    }

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, UNKNOWN],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    *answers, good = done.stdout.splitlines()
    assert {"/v1/jobs 200", "/v1/jobs 401", "/v1/explode 500"} <= set(answers)
    assert answers[-2:] == ["without a database 503"] * 2
    assert "request_crashed" in done.stderr
    assert "request_failed" in done.stderr
    assert good.startswith("imp_")
    assert good not in done.stderr
    assert UNKNOWN not in done.stderr
