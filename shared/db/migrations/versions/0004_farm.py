"""One worker per device; jobs that go on carefully, or smaller than asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("caution", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("asked_max_edge", sa.Integer(), nullable=True))
    op.create_index("ix_jobs_finished", "jobs", ["finished_at"])
    # Workers that are there enter themselves again within seconds.
    op.execute("DELETE FROM workers")
    with op.batch_alter_table("workers") as workers:
        workers.add_column(sa.Column("process", sa.String(length=120), nullable=False))
        workers.create_unique_constraint(
            op.f("uq_workers_host_device_uuid"), ["host", "device_uuid"]
        )


def downgrade() -> None:
    with op.batch_alter_table("workers") as workers:
        workers.drop_constraint(op.f("uq_workers_host_device_uuid"), type_="unique")
        workers.drop_column("process")
    op.drop_index("ix_jobs_finished", table_name="jobs")
    op.drop_column("jobs", "asked_max_edge")
    op.drop_column("jobs", "caution")
