"""Migrations: the tables they make are those of the models, on both databases."""

from __future__ import annotations

import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from shared.assets import NewAsset, add_asset, remove_asset
from shared.auth.api_keys import find_key
from shared.auth.owners import ensure_owner
from shared.db.database import Database
from shared.db.migrate import is_current, migrate
from shared.db.models.jobs import Job
from shared.errors import DatabaseUnavailable
from shared.jobs.actions import cancel
from shared.jobs.submit import Input, NewJob, submit_job
from shared.params.style import StyleParams
from tests.support.job_rows import LIMITS


def check(url, *words):
    return subprocess.run(
        [sys.executable, "-m", "shared.commands.migrate", *words],
        env={"IMPASTO_DATABASE_URL": url, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_the_check_says_what_is_pending_and_changes_nothing(tmp_path):
    path = tmp_path / "new" / "impasto.sqlite"
    url = f"sqlite:///{path}"

    assert check(url, "--check").returncode == 3
    assert not path.exists()
    assert check(url).returncode == 0
    assert check(url, "--check").returncode == 0


def test_two_processes_may_migrate_at_once(postgresql):
    url = postgresql.url(postgresql.create_database())
    command = [sys.executable, "-m", "shared.commands.migrate"]
    environment = {"IMPASTO_DATABASE_URL": url, "HOME": "/nonexistent"}

    racing = [subprocess.Popen(command, env=environment) for _ in range(3)]

    assert [process.wait(timeout=60) for process in racing] == [0, 0, 0]
    assert is_current(url)


def test_a_migration_killed_at_any_moment_can_be_done_again(tmp_path):
    for milliseconds in range(0, 200, 10):
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


def test_a_database_out_of_reach_is_told_in_one_line():
    url = "postgresql+psycopg://nobody@/none?host=/nonexistent"

    done = check(url)

    assert done.returncode == 1
    assert done.stderr.startswith("migrate: database: ")
    with pytest.raises(DatabaseUnavailable):
        is_current(url)


def test_a_held_job_without_a_lease_is_refused_by_the_database(database_url):
    engine = create_engine(database_url)
    columns = "id, owner_id, kind, state, fence, revision, attempts, max_attempts"
    more = "losses_in_a_row, need_bytes, priority, run_after, iteration, ckpt_iter"
    rest = "claim_iter, finish_requested, warnings, params, iterations, created_at"
    false = "0" if engine.dialect.name == "sqlite" else "false"
    values = (
        f"'j','o','style','running',0,1,0,4, 0,0,0,0,0,0, 0,{false},'[]','{{}}',1,0"
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
        "script_location", str(Path(migrate.__file__).parent / "migrations")
    )
    config.set_main_option("path_separator", "os")
    engine = create_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()
    engine.dispose()


def rows(url, statement, **values):
    engine = create_engine(url)
    with engine.begin() as connection:
        done = connection.execute(text(statement), values)
        found = [tuple(row) for row in done] if done.returns_rows else []
    engine.dispose()
    return found


@pytest.fixture
def pictures(db):
    """Ids of pictures, by what became of them: kept, deleted, sent again below."""
    ensure_owner(db, "own_a")
    made = {}
    for number, name in enumerate(("kept", "deleted", "sent again")):
        digest = str(number) * 64
        about = ("image/png", 8, 8)
        asset = NewAsset("own_a", digest, f"assets/{digest}-1", 9, *about)
        made[name] = add_asset(db, asset)
        inputs = (Input("content", 0, made[name]),)
        used = NewJob("own_a", StyleParams(), inputs)
        cancel(db, "own_a", submit_job(db, used, LIMITS))
    for name in ("deleted", "sent again"):
        remove_asset(db, "own_a", made[name])
    return made


def test_pictures_that_were_deleted_go_down_and_up_again(database_url, db, pictures):
    told = "SELECT id, key, bytes, digest FROM assets ORDER BY id"
    before = rows(database_url, told)
    downgrade(database_url, "0005")

    below = dict(rows(database_url, "SELECT id, key FROM assets"))
    assert below == {
        pictures["kept"]: f"assets/{'0' * 64}-1",
        # Where that version stores these bytes when they are sent again.
        pictures["deleted"]: f"assets/{'1' * 64}",
        pictures["sent again"]: f"assets/{'2' * 64}",
    }
    migrate(database_url)

    assert rows(database_url, told) == before


def test_a_deleted_picture_that_was_sent_again_below_is_there_above(
    database_url, db, pictures
):
    downgrade(database_url, "0005")
    again = (
        "UPDATE jobs SET state = 'queued', finished_at = NULL WHERE id IN "
        "(SELECT job_id FROM job_inputs WHERE asset_id = :asset_id)"
    )
    rows(database_url, again, asset_id=pictures["sent again"])
    migrate(database_url)

    above = "SELECT key, bytes FROM assets WHERE key IS NOT NULL ORDER BY key"
    assert rows(database_url, above) == [
        (f"assets/{'0' * 64}-1", 9),
        (f"assets/{'2' * 64}", 9),
    ]
    assert is_current(database_url)


def test_keys_from_before_scopes_may_still_do_what_they_could(database_url):
    downgrade(database_url, "0004")
    owner = "INSERT INTO owners (id, queued, running, created_at)"
    rows(database_url, f"{owner} VALUES ('own_a', 0, 0, 0)")
    key = "INSERT INTO api_keys (id, owner_id, digest, name, created_at)"
    digest = sha256(b"imp_old").hexdigest()
    rows(database_url, f"{key} VALUES ('key_a', 'own_a', '{digest}', 'old', 1)")

    migrate(database_url)

    database = Database(database_url)
    found = find_key(database, "imp_old")
    database.close()
    assert found.scopes == {"read", "write"}
    assert found.expires_in_seconds is None
