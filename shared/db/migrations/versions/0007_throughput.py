"""How long work takes on each kind of worker, and how well that was foretold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("setup", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=12), nullable=False),
        sa.Column("size_class", sa.Integer(), nullable=False),
        sa.Column("megapixels", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("deviation", sa.Double(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("measured_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "setup", "method", "step", "size_class", name=op.f("pk_paces")
        ),
    )
    counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "foretold",
        sa.Column("seq", counter, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("setup", sa.String(length=255), nullable=False),
        sa.Column("foretold_seconds", sa.Double(), nullable=False),
        sa.Column("low_seconds", sa.Double(), nullable=False),
        sa.Column("high_seconds", sa.Double(), nullable=False),
        sa.Column("actual_seconds", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_foretold")),
    )
    # Workers that are there enter themselves again within seconds.
    op.execute("DELETE FROM workers")
    with op.batch_alter_table("workers") as workers:
        workers.add_column(sa.Column("setup", sa.String(length=255), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("workers") as workers:
        workers.drop_column("setup")
    op.drop_table("foretold")
    op.drop_table("paces")
