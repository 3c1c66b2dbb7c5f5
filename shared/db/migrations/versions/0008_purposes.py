"""Pictures that say what they are for, and some that are kept for a while only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OF_PURPOSE, EXPIRY = "ix_assets_of_purpose", "ix_assets_expiry"


def upgrade() -> None:
    purpose = sa.String(length=16)
    op.add_column(
        "assets", sa.Column("purpose", purpose, nullable=False, server_default="any")
    )
    op.add_column("assets", sa.Column("expires_at", sa.Double(), nullable=True))
    op.create_index(OF_PURPOSE, "assets", ["owner_id", "purpose", "created_at", "id"])
    only = sa.text("expires_at IS NOT NULL")
    op.create_index(
        EXPIRY, "assets", ["expires_at"], sqlite_where=only, postgresql_where=only
    )


def downgrade() -> None:
    for name in (EXPIRY, OF_PURPOSE):
        op.drop_index(name, "assets")
    for name in ("expires_at", "purpose"):
        op.drop_column("assets", name)
