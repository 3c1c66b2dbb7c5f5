"""Migrations: the tables they make are those of the models, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from shared.commands.migrate import main
from shared.db import migrate as migrations
from shared.db.migrate import is_current, migrate
from shared.db.models.jobs import Job
from shared.errors import DatabaseUnavailable, UnknownSchemaRevision
from tests.support.processes import PATIENCE_SECONDS


@pytest.fixture(params=["sqlite", "own_postgresql"])
def database_url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def check(monkeypatch, capsys):
    """Runs the command on a database; its exit code and what it says."""

    def run(url, *words):
        monkeypatch.setenv("IMPASTO_DATABASE_URL", url)
        monkeypatch.setattr(sys, "argv", ["migrate", *words])
        code = main()
        return code, capsys.readouterr().err

    return run


def test_a_migrated_database_is_what_the_models_say(database_url):
    engine = create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        difference = compare_metadata(context, Job.metadata)
    engine.dispose()

    assert difference == []


def test_migrating_twice_changes_nothing(database_url):
    assert is_current(database_url)
    migrate(database_url)
    assert is_current(database_url)


def test_the_check_says_what_is_pending_and_changes_nothing(check, tmp_path):
    path = tmp_path / "new" / "impasto.sqlite"
    url = f"sqlite:///{path}"

    assert check(url, "--check") == (3, "")
    assert not path.exists()
    assert check(url) == (0, "")
    modes = [each.stat().st_mode & 0o777 for each in (path.parent, path)]
    assert modes == [0o700, 0o600]  # SECURITY.md promises it
    assert check(url, "--check") == (0, "")


def test_two_processes_may_migrate_at_once(postgresql):
    url = postgresql.url(postgresql.create_database())
    command = [sys.executable, "-m", "shared.commands.migrate"]
    environment = {"IMPASTO_DATABASE_URL": url, "HOME": "/nonexistent"}

    racing = [subprocess.Popen(command, env=environment) for _ in range(2)]

    assert [process.wait(PATIENCE_SECONDS) for process in racing] == [0, 0]
    assert is_current(url)


def test_a_migration_killed_at_any_moment_can_be_done_again(tmp_path):
    for milliseconds in range(0, 240, 80):
        path = tmp_path / f"{milliseconds}.sqlite"
        url = f"sqlite:///{path}"
        process = subprocess.Popen(
            [sys.executable, "-m", "shared.commands.migrate"],
            env={"IMPASTO_DATABASE_URL": url, "HOME": "/nonexistent"},
        )
        while not path.exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(milliseconds / 1000)
        process.kill()
        process.wait()

        migrate(url)
        assert is_current(url)


def test_a_database_out_of_reach_is_told_as_such(check):
    url = "postgresql+psycopg://nobody@/none?host=/nonexistent"

    code, said = check(url)

    assert code == 1
    assert said.startswith("migrate: database: ")
    with pytest.raises(DatabaseUnavailable):
        is_current(url)


@pytest.mark.parametrize("path", ["text", "text/x.sqlite", "folder"])
def test_a_path_where_no_database_can_be_is_told_in_one_line(check, tmp_path, path):
    (tmp_path / "text").write_text("no database" * 500)
    (tmp_path / "folder").mkdir()

    code, said = check(f"sqlite:///{tmp_path}/{path}")

    assert code == 1
    assert said.startswith("migrate: ")
    assert len(said.splitlines()) == 1


def test_a_held_job_without_a_lease_is_refused_by_the_database(database_url):
    engine = create_engine(database_url)
    columns = "id, owner_id, kind, state, fence, revision, version, attempts"
    more = (
        "max_attempts, crashes_in_a_row, need_bytes, priority, run_after, iteration, "
        "checkpoint_iteration"
    )
    rest = (
        "iteration_at_claim, finish_requested, warnings, params, iterations, created_at"
    )
    false = "0" if engine.dialect.name == "sqlite" else "false"
    values = (
        f"'j','o','style','running',0,1,1,0, 4,0,0,0,0,0,0, 0,{false},'[]','{{}}',1,0"
    )
    with engine.connect() as connection:
        owner = "INSERT INTO owners (id, queued, running, created_at)"
        connection.execute(text(f"{owner} VALUES ('o', 0, 0, 0)"))
        with pytest.raises(Exception, match="held_has_lease"):
            connection.execute(
                text(f"INSERT INTO jobs ({columns}, {more}, {rest}) VALUES ({values})")  # noqa: S608 - our own words
            )
    engine.dispose()


def downgrade(url, revision):
    """Take a database back, as `alembic downgrade` does."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(migrations.__file__).parent / "migrations")
    )
    config.set_main_option("path_separator", "os")
    engine = create_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()
    engine.dispose()


def test_the_tables_can_be_taken_away_and_made_again(database_url):
    downgrade(database_url, "base")

    assert table_names(database_url) == ["alembic_version"]
    assert not is_current(database_url)
    migrate(database_url)
    assert is_current(database_url)


def set_revision(url, revision):
    """Make the database at `url` one of another revision, as far as it says."""
    engine = create_engine(url)
    with engine.begin() as connection:
        made = "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))"
        connection.execute(text(made))
        connection.execute(text("DELETE FROM alembic_version"))
        entry = text("INSERT INTO alembic_version VALUES (:revision)")
        connection.execute(entry, {"revision": revision})
    engine.dispose()


def table_names(url):
    engine = create_engine(url)
    names = inspect(engine).get_table_names()
    engine.dispose()
    return names


@pytest.mark.parametrize("words", [(), ("--check",)])
def test_a_file_of_an_unknown_revision_is_refused_with_what_to_do(
    check, tmp_path, words
):
    path = tmp_path / "impasto.sqlite"
    url = f"sqlite:///{path}"
    set_revision(url, "0011")

    code, said = check(url, *words)

    assert code == 1
    assert said.splitlines() == [
        (
            f"migrate: the database {path} is of revision '0011', which this version "
            "of Impasto does not know"
        ),
        f"hint: {UnknownSchemaRevision.hint}",
    ]
    assert table_names(url) == ["alembic_version"]


def test_a_server_s_database_of_an_unknown_revision_is_named_without_password(
    check, postgresql
):
    name = postgresql.create_database()
    url = postgresql.url(name).replace("impasto@", "impasto:s3cret@")
    set_revision(url, "0011")

    code, said = check(f"{url}&password=s3cret")

    assert code == 1
    assert f"/{name}?host=" in said
    assert "s3cret" not in said
    assert table_names(url) == ["alembic_version"]


def test_a_database_of_a_newer_version_is_refused(database_url):
    set_revision(database_url, "of_next_year")

    with pytest.raises(
        UnknownSchemaRevision, match="'of_next_year', which this version"
    ):
        migrate(database_url)
    with pytest.raises(UnknownSchemaRevision) as caught:
        is_current(database_url)
    assert "a newer one" in caught.value.hint


def test_a_farm_does_not_start_on_a_database_of_an_unknown_revision(
    tmp_path, redis_server
):
    set_revision(f"sqlite:///{tmp_path}/impasto.sqlite", "0011")
    (tmp_path / "vgg16.safetensors").touch()  # never read: it ends before
    home = str(tmp_path)
    rest = {name: word for name, word in os.environ.items() if "IMPASTO" not in name}

    done = subprocess.run(
        [sys.executable, "-m", "impasto", "up", "--devices", "cpu"],
        env={**rest, "IMPASTO_HOME": home, "IMPASTO_WEIGHTS_DIR": home},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert f"{tmp_path}/impasto.sqlite is of revision '0011'" in done.stderr
    assert UnknownSchemaRevision.hint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stack.json").exists()
    assert not (tmp_path / "backups").exists()
