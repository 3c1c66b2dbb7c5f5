"""The commands of docs/keys.md work as they stand, on a real server with keys."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.api_process import ROOT

PAGE, PICTURE = ROOT / "docs" / "keys.md", ROOT / "samples" / "strokes.jpg"


@pytest.fixture
def admin_key(shared_server):
    """A key made as the page says."""
    _, database = shared_server
    made = subprocess.run(
        [sys.executable, "-m", "shared.commands.keys", "create", "--admin"],
        env={"IMPASTO_DATABASE_URL": str(database.url), "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()


def run_page(folder, server, key):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\necho ---\n".join(blocks)],
        cwd=folder,
        env={"IMPASTO_API_URL": server.url, "IMPASTO_API_KEY": key,
             "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl: not installed")
def test_the_guest_of_the_page_sees_the_jobs_and_the_request_is_sent_once(
    shared_server, admin_key, tmp_path
):
    server, _ = shared_server
    for name in ("photo.jpg", "painting.jpg"):
        shutil.copy(PICTURE, tmp_path / name)
    mine = server.with_headers(Authorization=f"Bearer {admin_key}")
    job = mine.client.post("/v1/explorations", json={"name": "to be seen"}).json()

    done = run_page(tmp_path, server, admin_key)

    assert done.returncode == 0, done.stderr + done.stdout
    keys_part, sent_part = done.stdout.split("---\n")
    assert job["id"] in keys_part
    assert json.loads(sent_part)["state"] == "queued"
    names = {key["name"] for key in mine.get("/v1/keys").json()["data"]}
    assert "guest" not in names, "it was made, used and revoked"
    mine.client.close()


def test_no_guide_sends_a_header_that_may_be_empty():
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]

    for page in pages:
        assert "uuidgen" not in page.read_text(), page
