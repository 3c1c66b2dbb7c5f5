"""No secret ever stands in the log or in an answer, however a request ends.

The requests put keys where they belong and where they do not: other schemes, paths,
queries, forms, JSON, cookies, Idempotency-Key. Then logs and answers are searched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import api

ROOT = Path(api.__file__).parents[1]
UNKNOWN = "imp_unknown-to-this-farm-but-as-long-as-others"

# Its own process: logging is set up as in the server, at the level that says most.
PROGRAM = """
import os, sys
from api.dependencies import current_dependencies
from api.wsgi import app
from shared.auth.api_keys import NewKey, Scope, issue_key

made = app()
made.add_url_rule("/v1/explode", view_func=lambda: 1 / 0)
made.add_url_rule("/v1/explode/<_>", "echo", view_func=lambda _: 1 / 0)
with made.app_context():
    database = current_dependencies().database
_, good = issue_key(database, NewKey("me", scopes=frozenset(Scope)))
client = made.test_client()

def seen(answer, *tokens):
    print(answer.request.path[:11], answer.status_code)
    said = answer.text + str(answer.headers)
    for token in tokens:
        assert token not in said, (answer.request.path[:11], said)

for token in (good, sys.argv[1]):
    for header in (f"Bearer {token}", f"Basic {token}", f"Bearer {token} {token}"):
        for path in ("v1/jobs", "v1/jobs/job_none", "v1/explode", "readyz", "v1/me"):
            seen(client.get(f"/{path}", headers={"Authorization": header}), token)
    inside = {"Authorization": f"Bearer {good}"}
    for path in ("/v1/jobs/", "/v1/explode/", "/v1/jobs?state=", "/v1/jobs?cursor=",
                 "/v1/jobs?", "/problems/", "/", "/v1/keys/"):
        seen(client.get(path + token, headers=inside), token)
    for body in ({"key": token}, {token: 1}, {"key": [token]}, {"scopes": [token]},
                 {"owner": token}, {"layers": [token]}):
        for path in ("session", "v1/keys", "v1/explorations", "v1/jobs/job_1/fork"):
            seen(client.post(f"/{path}", json=body, headers=inside), token)
    for name in ("params", "name", "priority", "cancel_after", token):
        seen(client.post("/v1/jobs", data={name: token}, headers=inside), token)
        odd = inside | {"Idempotency-Key": token, "If-Match": token, "Cookie": token}
        seen(client.patch("/v1/jobs/job_1", json={name: token}, headers=odd), token)
    client.set_cookie("impasto_session", token)
    seen(client.get("/v1/me"), token)
    client.delete_cookie("impasto_session")

secret = client.post("/v1/keys", json={}, headers=inside).json["secret"]
for path in ("/v1/keys", "/v1/me"):
    seen(client.get(path, headers=inside), good, secret)
stream = client.get("/v1/events", headers=inside | {"Accept": "text/event-stream"})
print("opened", stream.status_code)
seen(stream, good)
session = client.post("/session", headers=inside)
cookie = session.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
csrf = session.json["csrf_token"]
seen(client.get("/v1/explode"), cookie, csrf)
client.delete_cookie("impasto_session")
database.close()
os.unlink(database.url.database)
for token in (good, f"{sys.argv[1]}-2"):  # wrong ones are remembered for a while
    answer = client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    print("without a database", answer.status_code)
with made.app_context():
    signing = current_dependencies().secret.hex()
print(good, secret, cookie, csrf, signing)
"""


def test_no_secret_good_or_bad_is_ever_logged_or_answered(tmp_path, sqlite_url):
    environment = {
        **os.environ,
        "IMPASTO_HOME": str(tmp_path),
        "IMPASTO_DATABASE_URL": sqlite_url,
        "IMPASTO_REDIS_URL": "redis://127.0.0.1:1/0",
        "IMPASTO_AUTH": "keys",
        "IMPASTO_SUBMITS_PER_MINUTE": "0",
        "IMPASTO_STREAM_SECONDS": "0.1",
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
    *answers, secrets = done.stdout.splitlines()
    assert {"/v1/jobs 200", "/v1/jobs 401", "/v1/explode 500"} <= set(answers)
    assert "opened 200" in answers
    assert answers[-2:] == ["without a database 503"] * 2
    assert "request_crashed" in done.stderr
    assert "request_failed" in done.stderr
    assert secrets.startswith("imp_")
    for secret in (*secrets.split(), UNKNOWN):
        assert len(secret) > 30
        assert secret not in done.stderr
