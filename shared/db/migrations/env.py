"""Entry of Alembic: runs the migrations on the connection of `migrate`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from shared.db.models.jobs import Job

_MIGRATION_LOCK = 7_269_736_472_833  # arbitrary number, unique to Impasto


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Job.metadata,
        render_as_batch=True,
        transactional_ddl=True,  # so that a killed migration changes nothing
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:number)")
            connection.execute(lock, {"number": _MIGRATION_LOCK})
        context.run_migrations()


_run(context.config.attributes["connection"])
