"""What keys may do, how much and how long; answers that are given again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Document = sa.JSON(none_as_null=True).with_variant(
    JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    op.add_column("owners", sa.Column("max_queued", sa.Integer(), nullable=True))
    # Keys from before could do all that there was to do.
    op.add_column(
        "api_keys",
        sa.Column(
            "scopes", sa.String(length=100), nullable=False, server_default="read write"
        ),
    )
    for name in ("submits_per_minute", "requests_per_minute"):
        op.add_column("api_keys", sa.Column(name, sa.Integer(), nullable=True))
    for name in ("expires_at", "last_used_at"):
        op.add_column("api_keys", sa.Column(name, sa.Double(), nullable=True))
    op.create_index("ix_api_keys_owner_id", "api_keys", ["owner_id"])
    op.drop_table("idempotency_keys")  # nothing has ever been written to it
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("token", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("held_until", sa.Double(), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", Document, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_idempotency_keys_owner_id")
        ),
        sa.PrimaryKeyConstraint(
            "owner_id", "scope", "token", name=op.f("pk_idempotency_keys")
        ),
    )
    op.create_index(
        "ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"]
    )


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", Document, nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_idempotency_keys_owner_id")
        ),
        sa.PrimaryKeyConstraint(
            "owner_id", "scope", "key", name=op.f("pk_idempotency_keys")
        ),
    )
    op.drop_index("ix_api_keys_owner_id", "api_keys")
    for name in (
        *("last_used_at", "expires_at"),
        *("requests_per_minute", "submits_per_minute", "scopes"),
    ):
        op.drop_column("api_keys", name)
    op.drop_column("owners", "max_queued")
