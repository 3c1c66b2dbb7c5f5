"""What the verbs need: how a job completed, since when it is paused, live segments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FIRST = {
    "ix_jobs_ready": ["owner_id", "ready_key", "id"],
    "ix_jobs_lease": ["lease_until"],
    "ix_jobs_worker": ["worker_id"],
}
# By name: the column that must have a value, and what is indexed.
SOME = {
    "ix_jobs_ready": ("ready_key", ["owner_id", "ready_key", "id"]),
    "ix_jobs_lease": ("lease_until", ["lease_until"]),
    "ix_jobs_worker": ("worker_id", ["worker_id"]),
    "ix_jobs_start_deadline": ("start_deadline", ["state", "start_deadline"]),
    "ix_jobs_cancel_after": ("cancel_after", ["state", "cancel_after"]),
    "ix_jobs_paused": ("paused_at", ["state", "paused_at"]),
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
    # Jobs that are over have no place in line, no lease and no worker: in these
    # indexes they only made the claim slower.
    for name in FIRST:
        op.drop_index(name, "jobs")
    for name, (present, columns) in SOME.items():
        only = sa.text(f"{present} IS NOT NULL")
        op.create_index(name, "jobs", columns, sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    for name in SOME:
        op.drop_index(name, "jobs")
    for name, columns in FIRST.items():
        op.create_index(name, "jobs", columns)
    op.drop_index("ix_checkpoints_key", "checkpoints")
    op.drop_column("segments", "live")
    op.drop_column("jobs", "completion")
    op.drop_column("jobs", "paused_at")
