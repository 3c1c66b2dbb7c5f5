"""The operator's keys: made with scopes and limits, listed, revoked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.auth.api_keys import find_key_by_token
from shared.commands.keys import app
from shared.db.database import Database


@pytest.fixture
def keys(sqlite_url):
    def run(*words, database_url=sqlite_url):
        env = {"IMPASTO_DATABASE_URL": database_url}
        return CliRunner().invoke(app, words, env=env)

    return run


@pytest.fixture
def database(sqlite_url):
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def test_an_admin_key_is_not_made_by_contradicting_options(keys):
    assert keys("create", "--admin", "--read-only").exit_code == 2
    assert keys("create", "--admin", "--keys").exit_code == 2


def test_a_key_may_do_what_it_was_made_for(keys, database):
    for options, scopes in (
        ((), {"read", "write"}),
        (("--admin",), {"admin"}),
        (("--read-only",), {"read"}),
        (("--keys",), {"read", "write", "keys"}),
        (("--read-only", "--keys"), {"read", "keys"}),
    ):
        made = keys("create", *options)

        assert made.exit_code == 0
        assert find_key_by_token(database, made.stdout.strip()).scopes == scopes
        assert "not shown again" in made.stderr


def test_a_key_has_its_owner_its_limits_and_its_end(keys, database):
    limits = ("--submits-per-minute", "3", "--requests-per-minute", "0")

    made = keys("create", "--owner", "own_a", "--expires-days", "2", *limits)

    key = find_key_by_token(database, made.stdout.strip())
    assert (key.owner_id, key.submits_per_minute, key.requests_per_minute) == (
        "own_a", 3, 0
    )  # fmt: skip
    assert key.expires_in_seconds == pytest.approx(2 * 86400, abs=60)


def test_a_wrong_option_is_named_and_makes_no_key(keys):
    for name, value in (("--owner", "me"), ("--expires-days", "0"),
                        ("--expires-days", "nan"), ("--max-queued", "-1"),
                        ("--max-queued", "9" * 20), ("--max-running", "1000001"),
                        ("--requests-per-minute", "1000001"),
                        ("--submits-per-minute", "1000001"), ("--name", "n" * 201),
                        ("--name", "a\nb"), ("--name", "a\tb"),
                        ("--name", "a\u202eb")):  # fmt: skip
        refused = keys("create", name, value)

        assert refused.exit_code == 2
        assert name in refused.stderr
    assert len(keys("list").stdout.splitlines()) == 1  # the titles


def test_keys_are_listed_in_columns_and_revoked(keys, database):
    token = keys("create", "--name", "a long name").stdout.strip()
    titles, line = keys("list").stdout.splitlines()
    key_id = line.split()[0]

    assert titles.index("SCOPES") == line.index("read write")
    assert "a long name" in line
    assert keys("revoke", key_id).exit_code == 0
    assert find_key_by_token(database, token) is None


def test_what_fails_is_a_message_with_the_next_step(keys, tmp_path):
    without_tables = keys("list", database_url=f"sqlite:///{tmp_path}/empty.sqlite")
    unknown = keys("revoke", "key_unknown")

    assert (without_tables.exit_code, unknown.exit_code) == (1, 1)
    assert "run 'impasto migrate' first" in without_tables.stderr
    assert unknown.stderr.startswith("keys: ")


def test_on_postgresql_without_tables_the_next_step_is_said_too(keys, postgresql):
    name = postgresql.create_database()

    listed = keys("list", database_url=postgresql.url(name))

    assert listed.exit_code == 1
    assert 'relation "api_keys" does not exist' in listed.stderr
    assert listed.stderr.endswith("\nrun 'impasto migrate' first\n")
    assert len(listed.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("path", "hinted"), [("none/x.sqlite", True), ("text", False), ("folder", False)]
)
def test_only_missing_tables_or_files_lead_to_a_migration(keys, tmp_path, path, hinted):
    (tmp_path / "text").write_text("no database" * 500)
    (tmp_path / "folder").mkdir()

    listed = keys("list", database_url=f"sqlite:///{tmp_path}/{path}")

    assert listed.exit_code == 1
    assert len(listed.stderr.splitlines()) == 1 + hinted
    assert ("migrate" in listed.stderr) is hinted


def test_a_database_server_that_is_away_leads_to_no_migration(keys):
    away = keys("list", database_url="postgresql+psycopg://u@127.0.0.1:1/x")

    assert away.exit_code == 1
    assert away.stderr.startswith("keys: database: ")
    assert "migrate" not in away.stderr


def test_the_help_says_that_an_unknown_owner_is_created(keys):
    helped = " ".join(keys("create", "--help").stdout.replace("│", " ").split())

    assert "created if it does not exist" in helped
    assert "own_new" in keys("create", "--owner", "own_new").stderr


def test_it_says_what_an_admin_key_may_do_and_whose_it_is(keys):
    helped = " ".join(keys("create", "--help").stdout.replace("│", " ").split())
    assert "does not see their jobs and pictures" in helped
    assert "may do all, for all owners" not in helped

    first = keys("create", "--admin")
    assert "may admin" in first.stderr
    assert "its owner is new, without jobs" in first.stderr
    owner = first.stderr.split(" of ")[1].split(",")[0]
    second = keys("create", "--owner", owner)
    assert f"of {owner}" in second.stderr
    assert "new" not in second.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["keys", "workers"])
def test_a_full_disk_behind_standard_output_takes_one_line(sqlite_url, command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", f"shared.commands.{command}", "list"],
            env={**os.environ, "IMPASTO_DATABASE_URL": sqlite_url},
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.endswith(": cannot write the output: No space left on device\n")
    assert "Traceback" not in done.stderr
