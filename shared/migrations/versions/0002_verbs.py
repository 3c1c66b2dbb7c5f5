"""What the verbs need: how a job completed, since when it is paused, live segments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_verbs"
down_revision = "0001"
branch_labels = None
depends_on = None

FEW = {
    "ix_jobs_start_deadline": "start_deadline",
    "ix_jobs_cancel_after": "cancel_after",
    "ix_jobs_paused": "paused_at",
}


def upgrade() -> None:
    op.add_column("jobs", sa.Column("paused_at", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("completion", sa.String(length=16), nullable=True))
    op.execute("UPDATE jobs SET completion = 'full' WHERE state = 'succeeded'")
    op.add_column(
        "segments",
        sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_checkpoints_key", "checkpoints", ["key"])
    for name, column in FEW.items():
        only = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            name,
            "jobs",
            ["state", column],
            sqlite_where=only,
            postgresql_where=only,
        )


def downgrade() -> None:
    for name in FEW:
        op.drop_index(name, "jobs")
    op.drop_index("ix_checkpoints_key", "checkpoints")
    op.drop_column("segments", "live")
    op.drop_column("jobs", "completion")
    op.drop_column("jobs", "paused_at")
