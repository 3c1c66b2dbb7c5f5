"""Jobs that are to be purged once they are canceled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEX, COLUMN = "ix_jobs_purge", "purge_asked_at"


def upgrade() -> None:
    op.add_column("jobs", sa.Column(COLUMN, sa.Double(), nullable=True))
    only = sa.text(f"{COLUMN} IS NOT NULL")
    op.create_index(INDEX, "jobs", [COLUMN], sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    op.drop_index(INDEX, "jobs")
    op.drop_column("jobs", COLUMN)
