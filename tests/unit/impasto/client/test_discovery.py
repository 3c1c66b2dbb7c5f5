"""Where the server is: flag, environment, the stack that runs here, or nowhere."""

from __future__ import annotations

import os

import pytest

from impasto.client.discovery import (
    RunningFarm,
    find_server_url,
    home_folder,
    is_loopback_url,
    read_running_farm,
    write_running_farm,
)
from impasto.errors import ServerUnreachable
from impasto.local.lock import lock_home

HERE = RunningFarm("http://127.0.0.1:1", os.getpid(), "2026-01-01T00:00:00+00:00")


def test_a_flag_beats_the_environment_and_the_environment_beats_the_stack(tmp_path):
    home = {"IMPASTO_HOME": str(tmp_path)}
    told = home | {"IMPASTO_API_URL": "http://env:2/"}

    with lock_home(tmp_path):
        write_running_farm(tmp_path, HERE)

        assert find_server_url("https://flag:3", told) == "https://flag:3"
        assert find_server_url(None, told) == "http://env:2"
        assert find_server_url(None, home) == "http://127.0.0.1:1"


def test_a_killed_stack_is_not_found_even_where_another_process_has_its_pid(tmp_path):
    with lock_home(tmp_path):
        write_running_farm(tmp_path, HERE)  # and then the lock ends, as by SIGKILL

    with pytest.raises(ServerUnreachable, match="no server is running"):
        find_server_url(None, {"IMPASTO_HOME": str(tmp_path)})


def test_a_stack_file_without_any_lock_is_not_believed(tmp_path):
    write_running_farm(tmp_path, HERE)

    assert read_running_farm(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "http://x"}'])
def test_a_damaged_stack_file_is_no_stack(tmp_path, text):
    (tmp_path / "stack.json").write_text(text)

    assert read_running_farm(tmp_path) is None


def test_only_the_user_may_read_the_stack_file(tmp_path):
    write_running_farm(tmp_path, HERE)

    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8470", "ftp://x", "http://", "http://[::1"),
        *("http://..", "http://" + 100 * "a", "http://é..x", "http://x:port"),
    ],
)
def test_an_address_that_is_none_is_refused_with_an_example(url):
    with pytest.raises(ServerUnreachable) as caught:
        find_server_url(url, {})
    assert "is not the address of a server" in str(caught.value)
    assert "http://" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["http://[::1]:80", "http://é.example", "http://example.org.", "http://a_b"]
)
def test_an_address_of_any_kind_is_accepted(url):
    assert find_server_url(url, {}) == url


def test_home_is_absolute_also_when_told_in_short():
    assert home_folder({"IMPASTO_HOME": "data"}).is_absolute()
    assert home_folder({}).name == "impasto"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("http://10.0.0.1", False),
        ("https://example.org", False),
    ],
)
def test_loopback_is_told_from_other_machines(url, loopback):
    assert is_loopback_url(url) is loopback
