"""The commands on /docs work when they are pasted, on a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
from html.parser import HTMLParser

import httpx2
import pytest
from PIL import Image

from shared.auth.api_keys import NewKey, Scope, issue_key
from shared.db.database import Database
from tests.support.api_process import running_api

# What the state of the job, or an id of nothing, may lead to; nothing else may.
STATES = {404, 409, 410}


class Commands(HTMLParser):
    """The blocks that stand outside of the folded examples."""

    def __init__(self, text):
        super().__init__()
        self.blocks, self.folded, self.inside = [], 0, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.folded += tag == "details"
        self.inside = tag == "pre" and not self.folded
        if self.inside:
            self.blocks.append("")

    def handle_endtag(self, tag):
        self.folded -= tag == "details"
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data):
        if self.inside:
            self.blocks[-1] += data


def pasted(folder, text, token):
    """Run all commands of the page; (method, path, status) of each request."""
    (folder / ".curlrc").write_text(
        'max-time = 4\nwrite-out = "%{stderr}%{method} %{url} %{http_code}\\n"\n'
    )
    Image.new("RGB", (96, 64), "teal").save(folder / "photo.jpg")
    Image.new("RGB", (96, 64), "tan").save(folder / "painting.jpg")
    beginning, *commands = Commands(text).blocks
    told = beginning.replace("imp_...  ", f"{token}  ")
    done = subprocess.run(
        ["bash", "-c", "\n".join([told, *commands])],
        cwd=folder,
        env={**os.environ, "CURL_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = [line.split() for line in done.stderr.splitlines()]
    found = [
        (words[0], httpx2.URL(words[1]).path, int(words[2]))
        for words in lines
        if len(words) == 3 and words[1].startswith("http")
    ]
    return found, len(commands)


@pytest.mark.parametrize("auth", ["none", "keys"])
def test_every_command_of_the_page_is_a_good_request(tmp_path, sqlite_url, auth):
    if shutil.which("curl") is None:
        pytest.skip("curl: not installed")
    database = Database(sqlite_url)
    scopes = frozenset({Scope.ADMIN})
    token = issue_key(database, NewKey(scopes=scopes))[1]
    database.close()
    with running_api(tmp_path, sqlite_url, auth=auth) as server:
        found, count = pasted(tmp_path, server.get("/docs").text, token)
        operations = [
            method.upper()
            for item in server.get("/openapi.json").json()["paths"].values()
            for method in item
        ]

    asked = found[3:]  # the first three are those of the beginning
    assert [status for _, _, status in found[:3]] == [201, 201, 202]
    assert len(asked) == count >= len(operations)
    wrong = [one for one in asked if one[2] >= 300 and one[2] not in STATES]
    assert wrong == []
    assert ("POST", "/v1/jobs", 202) in asked[1:]
    assert ("POST", "/v1/estimates", 200) in asked
    changed = [status for method, _, status in asked if method == "PATCH"]
    assert changed == [200]


def test_the_key_is_in_each_command_where_keys_are_asked_for(tmp_path, sqlite_url):
    with running_api(tmp_path, sqlite_url, auth="keys") as server:
        commands = Commands(server.get("/docs").text).blocks[1:]

    assert "Authorization" in commands[0]
    for command in commands:
        below = '"$URL/v1/' in command
        assert ('-H "Authorization: Bearer $KEY"' in command) is below
