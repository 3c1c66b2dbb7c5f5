"""The history of the tables, and bringing a database up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest version; safe to run twice at once.

    Raises:
        DatabaseUnavailable: It cannot be reached.
    """
    config = _config()
    config.attributes["url"] = url
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise DatabaseUnavailable(f"database: {error.orig}") from error
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether the database at `url` has the newest tables.

    Raises:
        DatabaseUnavailable: It cannot be reached.
    """
    if _is_missing_file(url):  # asking would make it
        return False
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise DatabaseUnavailable(f"database: {error.orig}") from error
    finally:
        engine.dispose()
    return revision == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _is_missing_file(url: str) -> bool:
    parts = make_url(url)
    is_file = parts.get_backend_name() == "sqlite" and parts.database
    return bool(is_file) and not Path(str(parts.database)).exists()


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
