"""The history of the tables, and bringing a database up to date."""

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
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from shared.errors import DatabaseUnavailable, UnknownRevision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

# What checkouts before the first release named their revisions.
_UNRELEASED = frozenset(f"{number:04}" for number in range(1, 12))


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest version; safe to run twice at once.

    Raises:
        DatabaseUnavailable: It cannot be reached.
        UnknownRevision: Its tables are of a revision that there is no way from.
    """
    config = _config()
    with _connected(url) as connection:
        _known_revision(connection)
        connection.rollback()  # the migration begins a transaction of its own
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(url: str) -> bool:
    """Whether the database at `url` has the newest tables.

    Raises:
        DatabaseUnavailable: It cannot be reached.
        UnknownRevision: Its tables are of a revision that there is no way from.
    """
    if _is_missing_file(url):  # asking would make it
        return False
    with _connected(url) as connection:
        revision = _known_revision(connection)
    return revision == _scripts().get_current_head()


def _known_revision(connection: Connection) -> str | None:
    """Return the revision of the tables; None where there are none.

    Raises:
        UnknownRevision: No migration leads from it to the newest one.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is None or revision in known:
        return revision
    url = connection.engine.url
    place = _place(url)
    if revision not in _UNRELEASED:
        raise UnknownRevision(
            f"the database {place} is of revision {revision!r}, which this version of "
            "Impasto does not know",
            hint="use the version of Impasto that made it, or a newer one",
        )
    raise UnknownRevision(
        f"the database {place} was made by an unreleased checkout of Impasto (revision "
        f"{revision!r}): it cannot be migrated, it must be made anew",
        hint=_how_to_begin_anew(url),
    )


def _place(url: URL) -> str:
    """Name a database to its operator, without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(Path(str(url.database)).absolute())
    socket = {name: url.query[name] for name in ("host", "port") if name in url.query}
    shown = URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database, socket
    )
    return shown.render_as_string()


def _how_to_begin_anew(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        file = Path(_place(url))
        away = (
            f"move the folder {file.parent} away if it holds the data of this farm "
            f"only, otherwise {file.name} with its -wal and -shm files"
        )
    else:
        away = f"drop the database {url.database!r} and create it again, empty"
    return f"stop what uses it; {away}; then try again"


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
    except OperationalError as error:
        raise DatabaseUnavailable(f"database: {error.orig}") from error
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and parts.database:
        Path(parts.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=NullPool)
    if parts.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # Python's module would begin late and commit early, around each CREATE TABLE.
    connection.isolation_level = None
    # Here, where nobody else is: two that come later would be in each other's way.
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
