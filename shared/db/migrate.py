"""Migration of a database to the newest schema revision."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from shared.errors import DatabaseUnavailable, UnknownSchemaRevision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine


def migrate(url: str) -> None:
    """Migrate the database at `url` to the newest revision; concurrent calls are safe.

    Raises:
        DatabaseUnavailable: The database cannot be reached or used.
        UnknownSchemaRevision: No migration starts from the revision of its tables.
    """
    config = _config()
    with _connected(url) as connection:
        _read_revision(connection)
        connection.rollback()  # the migration begins its own transaction
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(url: str) -> bool:
    """Return whether the database at `url` has the newest tables.

    Raises:
        DatabaseUnavailable: The database cannot be reached or used.
        UnknownSchemaRevision: No migration starts from the revision of its tables.
    """
    if _is_missing_file(url):  # a connection would create the file
        return False
    with _connected(url) as connection:
        revision = _read_revision(connection)
    return revision == _scripts().get_current_head()


def _read_revision(connection: Connection) -> str | None:
    """Return the revision of the tables; None if there are none.

    Raises:
        UnknownSchemaRevision: No migration leads from the revision to the newest one.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    migrations = {script.revision for script in _scripts().walk_revisions()}
    if revision is None or revision in migrations:
        return revision
    name = _display_name(connection.engine.url)
    raise UnknownSchemaRevision(
        f"the database {name} is of revision {revision!r}, which this version of "
        "Impasto does not know"
    )


def _display_name(url: URL) -> str:
    """Return the name of a database for operators, without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(Path(str(url.database)).absolute())
    socket = {name: url.query[name] for name in ("host", "port") if name in url.query}
    display_url = URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database, socket
    )
    return display_url.render_as_string()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _is_missing_file(url: str) -> bool:
    parts = make_url(url)
    is_file = parts.get_backend_name() == "sqlite" and parts.database
    return bool(is_file) and not Path(str(parts.database)).exists()


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        reason = str(error.orig).partition("\n")[0]
        raise DatabaseUnavailable(f"database: {reason}") from error
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and parts.database:
        Path(parts.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=NullPool)
    if parts.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _disable_implicit_transactions)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _disable_implicit_transactions(connection: Any, _record: object) -> None:
    # Python's module would commit around each CREATE TABLE.
    connection.isolation_level = None
    # Set here, without other processes, since two at once would block each other.
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
