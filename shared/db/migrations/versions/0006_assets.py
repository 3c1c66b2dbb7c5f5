"""Pictures that can be deleted; jobs that are found, told of in full, and deleted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Document = sa.JSON(none_as_null=True).with_variant(
    JSONB(none_as_null=True), "postgresql"
)
LISTING = ["owner_id", "created_at", "id"]
# By name: the condition, and what is indexed.
INDEXES = {
    "ix_jobs_listing": ("deleted_at IS NULL", LISTING),
    "ix_jobs_of_state": (
        "deleted_at IS NULL",
        ["owner_id", "state", "created_at", "id"],
    ),
    "ix_jobs_of_kind": ("deleted_at IS NULL", ["owner_id", "kind", "created_at", "id"]),
    "ix_jobs_of_parent": ("parent_id IS NOT NULL", ["parent_id", "created_at", "id"]),
    "ix_jobs_alike": ("params_digest IS NOT NULL", ["owner_id", "params_digest"]),
}
COLUMNS: tuple[tuple[str, sa.types.TypeEngine[Any], str | None], ...] = (
    ("tags", Document, "[]"),
    ("labels", Document, "{}"),
    ("params_digest", sa.String(length=64), None),
    ("deleted_at", sa.Double(), None),
    ("origin", Document, None),
)


# The version before knows no deleted pictures: each must have a key. They get the one
# that it gives such bytes, so that they are there again once somebody sends them, and
# a size below zero as a mark: whoever comes back here finds them deleted as before,
# but for those that a job waits for, as they have been sent again meanwhile.
FILL = "UPDATE assets SET key = 'assets/' || digest, bytes = -bytes WHERE key IS NULL"
EMPTY = """
UPDATE assets SET key = NULL WHERE bytes < 0 AND NOT EXISTS (
    SELECT 1 FROM job_inputs JOIN jobs ON jobs.id = job_inputs.job_id
    WHERE job_inputs.asset_id = assets.id AND jobs.finished_at IS NULL)
"""
UNMARK = "UPDATE assets SET bytes = -bytes WHERE bytes < 0"


def upgrade() -> None:
    for name, kind, default in COLUMNS:
        op.add_column(
            "jobs",
            sa.Column(name, kind, nullable=default is None, server_default=default),
        )
    op.drop_index("ix_jobs_listing", "jobs")
    for name, (condition, columns) in INDEXES.items():
        only = sa.text(condition)
        op.create_index(name, "jobs", columns, sqlite_where=only, postgresql_where=only)
    with op.batch_alter_table("assets") as assets:
        assets.alter_column("key", existing_type=sa.String(length=255), nullable=True)
    op.execute(EMPTY)
    op.execute(UNMARK)
    op.create_index("ix_assets_listing", "assets", LISTING)
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "job_words",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("word", sa.String(length=80), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name=op.f("fk_job_words_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "word", name=op.f("pk_job_words")),
    )
    op.create_index(
        "ix_job_words_found", "job_words", ["owner_id", "word", "created_at", "job_id"]
    )
    op.create_table(
        "job_curves",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("points", Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name=op.f("fk_job_curves_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_curves")),
    )


def downgrade() -> None:
    op.drop_table("job_curves")
    op.drop_table("job_words")
    op.drop_index("ix_assets_listing", "assets")
    op.execute(FILL)
    with op.batch_alter_table("assets") as assets:
        assets.alter_column("key", existing_type=sa.String(length=255), nullable=False)
    for name in INDEXES:
        op.drop_index(name, "jobs")
    op.create_index("ix_jobs_listing", "jobs", LISTING)
    for name, _, _ in COLUMNS:
        op.drop_column("jobs", name)
