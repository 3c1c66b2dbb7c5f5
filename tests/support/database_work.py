"""How much a database does for a call, as a number that no other load changes."""

from __future__ import annotations

from sqlalchemy import Engine, event

_ROWS_READ = """
  SELECT sum(seq_tup_read + idx_tup_fetch)::int
  FROM pg_stat_xact_user_tables WHERE relname = 'jobs'
"""


def work_of(db, act):
    """Rows that PostgreSQL reads, or instructions that SQLite executes."""
    work = []

    def count_instructions(connection):
        sqlite = connection.connection.driver_connection
        sqlite.set_progress_handler(lambda: work.append(1), 1)

    def add_rows(connection):
        work.extend([1] * connection.exec_driver_sql(_ROWS_READ).scalar())

    listeners = {"begin": count_instructions}
    if not db.serves_one_host:
        listeners = dict.fromkeys(("commit", "rollback"), add_rows)
    for listener in listeners.items():
        event.listen(Engine, *listener)
    try:
        act()
    finally:
        for listener in listeners.items():
            event.remove(Engine, *listener)
    return len(work)
