"""Settings: every one documented, cross-checked, and secrets kept."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import ValidationError
from redis.connection import parse_url
from sqlalchemy import make_url

from shared.auth.secret import read_secret, secret_or_exit
from shared.db.database import Database
from shared.errors import InvalidSecretFile
from shared.settings import (
    Settings,
    is_loopback,
    settings_or_exit,
    warn_if_home_is_open,
)
from shared.storage import open_storage

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"


class Row(NamedTuple):
    """A row of docs/settings.md."""

    default: str
    bounds: str
    meaning: str


def documented():
    """Rows of docs/settings.md by the name of the setting."""
    rows = re.findall(
        r"^\| `IMPASTO_(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$",
        DOCS.read_text(),
        re.MULTILINE,
    )
    return {name.lower(): Row(*cells) for name, *cells in rows}


def bounds(field):
    """The bounds of a setting in the words of the page."""
    found = {}
    for limit in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if hasattr(limit, name):
                found[name] = getattr(limit, name)
    words = {
        (): "",
        ("ge",): "at least {ge}",
        ("gt",): "more than {gt}",
        ("ge", "le"): "{ge} to {le}",
        ("gt", "le"): "more than 0, at most {le}",
    }
    return words[tuple(found)].format(**found)


def test_the_documented_settings_are_those_of_the_code_in_its_order():
    written = documented()

    assert list(written) == list(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        assert written[name].meaning == field.description
        assert written[name].bounds == bounds(field)
        if field.default_factory is None:
            default = "" if field.default is None else f"`{field.default}`"
            assert written[name].default == default


def test_each_setting_is_read_from_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    monkeypatch.setenv("IMPASTO_PORT", "9000")

    settings = Settings()

    assert settings.port == 9000
    assert settings.database_url == f"sqlite:///{tmp_path}/impasto.sqlite"
    assert settings.secret_file == tmp_path / "secret"


@pytest.mark.parametrize("name", ["plain", "with space", "q?a#b", "p%41", "ü"])
def test_any_folder_can_be_the_home(tmp_path, name):
    settings = Settings(home=tmp_path / name)
    (tmp_path / name).mkdir()

    database = Database(settings.database_url)
    database.ping()
    database.close()
    open_storage(settings.storage_url).put("a", b"1")

    made = {path.name for path in (tmp_path / name).iterdir()}
    assert {"impasto.sqlite", "blobs"} <= made


def test_a_relative_home_is_taken_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert Settings(home="farm").home == tmp_path / "farm"


def test_a_process_with_wrong_settings_says_which_and_ends(monkeypatch, capsys):
    monkeypatch.setenv("IMPASTO_PORT", "many")
    monkeypatch.setenv("IMPASTO_AUTH", "maybe")

    with pytest.raises(SystemExit) as caught:
        settings_or_exit()

    said = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2
    assert [line.split(":")[1].strip() for line in said] == [
        "IMPASTO_AUTH",
        "IMPASTO_PORT",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "foo"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "postgresql+asyncpg://u:p@127.0.0.1/x"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@127.0.0.1:x/x"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@127.0.0.1:65536/x"),
        ("REDIS_URL", "foo"),
        ("REDIS_URL", "redis://x:99999"),
        ("REDIS_URL", "redis://x/name"),
        ("REDIS_URL", "redis://:pass/word@x:6379/0"),
        ("REDIS_URL", "unix:///socket?db=x"),
        ("STORAGE_URL", "s3://x"),
        ("STORAGE_URL", "file://rel"),
        ("STORAGE_URL", "file:x"),
        ("STORAGE_URL", "file://"),
        ("API_THREADS", "9" * 20),
        ("MAX_STREAMS", "9" * 20),
        ("MAX_PIXELS", "9" * 20),
        ("LEASE_SECONDS", "inf"),
        ("RESCUE_SECONDS", "1e300"),
        ("STALL_SECONDS", "nan"),
        ("RESULT_DAYS", "inf"),
        ("ORPHAN_HOURS", "inf"),
    ],
)
def test_a_value_that_no_process_could_use_is_one_line(
    monkeypatch, capsys, name, value
):
    monkeypatch.setenv(f"IMPASTO_{name}", value)

    with pytest.raises(SystemExit) as caught:
        settings_or_exit()

    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith(f"settings: IMPASTO_{name}: ")
    assert said.count("\n") == 1
    assert "Value error" not in said


def test_a_refused_address_does_not_show_its_password(monkeypatch, capsys):
    monkeypatch.setenv("IMPASTO_DATABASE_URL", "postgres://u:hidden@h/x")
    monkeypatch.setenv("IMPASTO_REDIS_URL", "redis://:hid/den@h:6379/0")

    with pytest.raises(SystemExit):
        settings_or_exit()

    assert "hid" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////a/b.sqlite",
        "sqlite+pysqlite:///b.sqlite",
        "postgresql+psycopg://h/x",
        "postgresql://u:p@h/x",
        "postgresql+psycopg://u:pa/s:s@[::1]:5432/x?sslmode=require",
        "postgresql+psycopg://u@/x?host=/run/postgresql",
        "postgresql+psycopg://u:p@/x?host=a:5432&host=b:5432",
    ],
)
def test_an_address_of_a_database_is_accepted_as_sqlalchemy_reads_it(url):
    settings = Settings(database_url=url)

    assert make_url(settings.database_url).get_dialect()


@pytest.mark.parametrize(
    "url",
    [
        "redis://h", "redis://:p@ss@h:1/2", "rediss://u:p@[::1]:1/0?ssl_cert_reqs=none",
        "unix:///run/s?db=0", "unix:///run/s",
    ],
)  # fmt: skip
def test_an_address_of_redis_is_accepted_as_its_client_reads_it(url):
    assert parse_url(Settings(redis_url=url).redis_url) is not None


def test_what_a_process_with_settings_makes_is_of_its_user_only(tmp_path):
    settings_or_exit()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("folder", "file")]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o700, 0), (0o711, 1), (0o750, 1), (0o755, 1), (None, 0)]
)
def test_an_open_data_folder_is_named_with_the_command_that_closes_it(
    tmp_path, capsys, mode, warned
):
    home = tmp_path / "home"
    if mode is not None:
        home.mkdir()
        home.chmod(mode)

    warn_if_home_is_open(home)

    said = capsys.readouterr().err
    assert said.count(f"chmod -R go= {home}\n") == warned
    assert len(said.splitlines()) == warned
    assert mode is None or home.stat().st_mode & 0o777 == mode


def test_a_lease_must_outlive_three_heartbeats():
    with pytest.raises(ValidationError, match="three times heartbeat_seconds"):
        Settings(lease_seconds=5, heartbeat_seconds=2)


def test_other_machines_are_served_only_with_keys():
    with pytest.raises(ValidationError, match="set IMPASTO_AUTH=keys"):
        Settings(host="0.0.0.0")  # noqa: S104 - refused, that is the point
    Settings(host="0.0.0.0", auth="keys")  # noqa: S104 - allowed with keys


@pytest.mark.parametrize(
    ("host", "answer"),
    [("localhost", True), ("127.8.8.8", True), ("[::1]", True), ("10.0.0.1", False)],
)
def test_loopback_is_recognized(host, answer):
    assert is_loopback(host) is answer


def test_the_secret_is_private_and_stays_the_same(tmp_path):
    path = tmp_path / "new" / "secret"

    first = read_secret(path)

    assert read_secret(path) == first
    assert len(first) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("left", [b"", b"x" * 31])
def test_what_a_power_cut_leaves_of_a_secret_signs_nothing(tmp_path, left):
    path = tmp_path / "secret"
    path.write_bytes(left)

    with pytest.raises(InvalidSecretFile, match=f"has {len(left)} bytes") as raised:
        read_secret(path)

    assert "delete the file" in raised.value.hint
    assert path.read_bytes() == left


@pytest.mark.parametrize("path", [".", "file/secret"])
def test_a_secret_that_cannot_be_read_or_created_is_a_wrong_setting(
    tmp_path, capsys, path
):
    (tmp_path / "file").touch()

    with pytest.raises(SystemExit) as caught:
        secret_or_exit(tmp_path / path)

    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith(f"settings: IMPASTO_SECRET_FILE: {tmp_path / path}: ")
    assert "delete" not in said


def test_processes_that_start_together_agree_on_the_secret(tmp_path):
    path, found = tmp_path / "secret", []
    threads = [
        threading.Thread(target=lambda: found.append(read_secret(path)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
