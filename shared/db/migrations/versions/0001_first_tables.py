"""All tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "tables_2026_11_29"  # another name whenever these tables change
down_revision = None
branch_labels = None
depends_on = None

Document = sa.JSON(none_as_null=True).with_variant(
    JSONB(none_as_null=True), "postgresql"
)
Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Each table comes after the tables that it refers to.
TABLES = (
    "owners",
    "api_keys",
    "idempotency_keys",
    "assets",
    "jobs",
    "job_inputs",
    "outputs",
    "job_events",
    "segments",
    "checkpoints",
    "frames",
    "job_loss_histories",
    "job_search_terms",
    "workers",
    "paces",
    "locks",
)


def upgrade() -> None:
    _create_owners()
    _create_api_keys()
    _create_idempotency_keys()
    _create_assets()
    _create_jobs()
    _create_jobs_indexes()
    _create_job_inputs()
    _create_outputs()
    _create_job_events()
    _create_segments()
    _create_checkpoints()
    _create_frames()
    _create_job_loss_histories()
    _create_job_search_terms()
    _create_workers()
    _create_paces()
    _create_locks()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_owners() -> None:
    op.create_table(
        "owners",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("max_queued", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_owners"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column(
            "scopes", sa.String(100), nullable=False, server_default="read write"
        ),
        sa.Column("submits_per_minute", sa.Integer(), nullable=True),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        _owner_key("api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_index("ix_api_keys_owner_id", "api_keys", ["owner_id"])


def _create_idempotency_keys() -> None:
    table = "idempotency_keys"
    op.create_table(
        table,
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("token", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("held_until", sa.Double(), nullable=False),
        sa.Column("job_id", sa.String(40), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", Document, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "owner_id", "scope", "token", name="pk_idempotency_keys"
        ),
        _owner_key(table),
    )
    op.create_index("ix_idempotency_keys_created_at", table, ["created_at"])


def _create_assets() -> None:
    op.create_table(
        "assets",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False, server_default="any"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        _owner_key("assets"),
        sa.UniqueConstraint("owner_id", "digest", name="uq_assets_owner_id_digest"),
    )
    op.create_index("ix_assets_listing", "assets", ["owner_id", "created_at", "id"])
    op.create_index(
        "ix_assets_of_purpose", "assets", ["owner_id", "purpose", "created_at", "id"]
    )
    _create_partial_index(
        "ix_assets_expiry", "assets", ["expires_at"], "expires_at IS NOT NULL"
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        *_job_request_columns(),
        *_job_claim_columns(),
        *_job_progress_columns(),
        *_job_time_columns(),
        *_job_end_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        _owner_key("jobs"),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name="fk_jobs_parent_id"),
        sa.CheckConstraint(
            "(state IN ('running', 'pausing', 'canceling')) = "
            "(lease_until IS NOT NULL)",
            name=op.f("ck_jobs_held_has_lease"),  # without another prefix
        ),
    )


def _job_request_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=True),
        sa.Column("tags", Document, nullable=False, server_default="[]"),
        sa.Column("user_metadata", Document, nullable=False, server_default="{}"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.String(16), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("params", Document, nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("params_digest", sa.String(64), nullable=True),
        sa.Column("traceparent", sa.String(55), nullable=True),
        sa.Column("parent_id", sa.String(40), nullable=True),
        sa.Column("parent_iteration", sa.Integer(), nullable=True),
        sa.Column("relation", sa.String(16), nullable=True),
    )


_DEMAND = (
    "CASE WHEN ready_key IS NOT NULL THEN coalesce(device_class, '') || ' ' || "
    "CAST(1000000000000000000 + need_bytes AS TEXT) || ' ' || "
    "coalesce(excluded_device, '') END"
)


def _job_claim_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("crashes_in_a_row", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(40), nullable=True),
        sa.Column("claim_nonce", sa.String(32), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("term_seconds", sa.Double(), nullable=True),
        sa.Column("device_class", sa.String(16), nullable=True),
        sa.Column("need_bytes", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("ready_key", sa.Double(), nullable=True),
        sa.Column("run_after", sa.Double(), nullable=False),
        sa.Column("notified_at", sa.Double(), nullable=True),
        sa.Column("excluded_device", sa.String(64), nullable=True),
        sa.Column(
            "demand", sa.Text(), sa.Computed(_DEMAND, persisted=True), nullable=True
        ),
    )


def _job_progress_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("checkpoint_iteration", sa.Integer(), nullable=False),
        sa.Column("iteration_at_claim", sa.Integer(), nullable=False),
        sa.Column("keep_every", sa.Integer(), nullable=True),
        sa.Column("finish_requested", sa.Boolean(), nullable=False),
        sa.Column("step_scale", sa.Double(), nullable=True),
        sa.Column("requested_max_edge", sa.Integer(), nullable=True),
        sa.Column("progress", Document, nullable=True),
        sa.Column("warnings", Document, nullable=False),
    )


def _job_time_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("start_deadline", sa.Double(), nullable=True),
        sa.Column("cancel_after", sa.Double(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("claimed_at", sa.Double(), nullable=True),
        sa.Column("paused_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.Column("purge_requested_at", sa.Double(), nullable=True),
    )


def _job_end_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("completion", sa.String(16), nullable=True),
        sa.Column("result_key", sa.String(255), nullable=True),
        sa.Column("result_digest", sa.String(64), nullable=True),
        sa.Column("result_bytes", sa.BigInteger(), nullable=True),
        sa.Column("result_width", sa.Integer(), nullable=True),
        sa.Column("result_height", sa.Integer(), nullable=True),
        sa.Column("exact", sa.Boolean(), nullable=True),
        sa.Column("exact_reason", sa.String(200), nullable=True),
        sa.Column("provenance", Document, nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_message", sa.String(2000), nullable=True),
        sa.Column("error_hint", sa.String(500), nullable=True),
        sa.Column("error_retryable", sa.Boolean(), nullable=True),
    )


def _create_jobs_indexes() -> None:
    op.create_index("ix_jobs_waiting", "jobs", ["state", "ready_key"])
    op.create_index("ix_jobs_finished", "jobs", ["finished_at"])
    listings = {
        "ix_jobs_listing": ["owner_id", "created_at", "id"],
        "ix_jobs_of_state": ["owner_id", "state", "created_at", "id"],
        "ix_jobs_of_kind": ["owner_id", "kind", "created_at", "id"],
    }
    for name, columns in listings.items():
        _create_partial_index(name, "jobs", columns, "deleted_at IS NULL")
    # Column that must have a value, and indexed columns, by name.
    sparse = {
        "ix_jobs_ready": ("ready_key", ["owner_id", "ready_key", "id"]),
        "ix_jobs_demand": ("demand", ["owner_id", "demand", "ready_key", "id"]),
        "ix_jobs_lease": ("lease_until", ["lease_until"]),
        "ix_jobs_worker": ("worker_id", ["worker_id"]),
        "ix_jobs_of_parent": ("parent_id", ["parent_id", "created_at", "id"]),
        "ix_jobs_alike": ("params_digest", ["owner_id", "params_digest"]),
        "ix_jobs_start_deadline": ("start_deadline", ["state", "start_deadline"]),
        "ix_jobs_cancel_after": ("cancel_after", ["state", "cancel_after"]),
        "ix_jobs_paused": ("paused_at", ["state", "paused_at"]),
        "ix_jobs_purge": ("purge_requested_at", ["purge_requested_at"]),
    }
    for name, (present, columns) in sparse.items():
        _create_partial_index(name, "jobs", columns, f"{present} IS NOT NULL")


def _create_job_inputs() -> None:
    op.create_table(
        "job_inputs",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "role", "position", name="pk_job_inputs"),
        _job_key("job_inputs"),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name="fk_job_inputs_asset_id"
        ),
    )
    op.create_index("ix_job_inputs_asset_id", "job_inputs", ["asset_id"])


def _create_outputs() -> None:
    op.create_table(
        "outputs",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "position", name="pk_outputs"),
        _job_key("outputs"),
        sa.UniqueConstraint("job_id", "name", name="uq_outputs_job_id_name"),
    )


def _create_job_events() -> None:
    op.create_table(
        "job_events",
        sa.Column("seq", Counter, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("event", sa.String(24), nullable=False),
        sa.Column("from_state", sa.String(16), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("detail", Document, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_job_events"),
        _job_key("job_events"),
    )
    op.create_index("ix_job_events_job_id", "job_events", ["job_id"])


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("from_iteration", sa.Integer(), nullable=True),
        sa.Column("changes", Document, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        _job_key("segments"),
    )
    op.create_index("ix_segments_job_id", "segments", ["job_id"])


def _create_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("format_version", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "fence", "iteration", name="pk_checkpoints"),
        _job_key("checkpoints"),
    )
    op.create_index("ix_checkpoints_key", "checkpoints", ["key"])


def _create_frames() -> None:
    op.create_table(
        "frames",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("losses", Document, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("thumb_key", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "iteration", name="pk_frames"),
        _job_key("frames"),
    )


def _create_job_loss_histories() -> None:
    op.create_table(
        "job_loss_histories",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("points", Document, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_loss_histories"),
        _job_key("job_loss_histories"),
    )


def _create_job_search_terms() -> None:
    op.create_table(
        "job_search_terms",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("term", sa.String(80), nullable=False),
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "term", name="pk_job_search_terms"),
        _job_key("job_search_terms"),
    )
    op.create_index(
        "ix_job_search_terms_lookup",
        "job_search_terms",
        ["owner_id", "term", "created_at", "job_id"],
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("device_uuid", sa.String(64), nullable=False),
        sa.Column("device_class", sa.String(16), nullable=False),
        sa.Column("device_name", sa.String(200), nullable=False),
        sa.Column("device_bytes", sa.BigInteger(), nullable=False),
        sa.Column("versions", Document, nullable=False),
        sa.Column("job_id", sa.String(40), nullable=True),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("seconds_per_mpx_iteration", sa.Double(), nullable=True),
        sa.Column("process", sa.String(120), nullable=False),
        sa.Column("setup", sa.String(255), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
        sa.UniqueConstraint("host", "device_uuid", name="uq_workers_host_device_uuid"),
    )


def _create_paces() -> None:
    op.create_table(
        "paces",
        sa.Column("setup", sa.String(255), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("size_class", sa.Integer(), nullable=False),
        sa.Column("seconds_per_mpx_iteration", sa.Double(), nullable=False),
        sa.Column("deviation", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("setup", "method", "size_class", name="pk_paces"),
    )


def _create_locks() -> None:
    op.create_table(
        "locks",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("holder", sa.String(40), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_locks"),
    )


def _owner_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["owner_id"], ["owners.id"], name=f"fk_{table}_owner_id"
    )


def _job_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["job_id"], ["jobs.id"], name=f"fk_{table}_job_id", ondelete="CASCADE"
    )


def _create_partial_index(
    name: str, table: str, columns: list[str], condition: str
) -> None:
    rows = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=rows, postgresql_where=rows)
