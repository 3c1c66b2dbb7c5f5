"""Taking checkpoints off the table, and which blobs nobody needs then.

A child goes on from its parent's blob, so that two rows may name the same one: it is
free only when the last of them goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.jobs.naming import unnamed
from shared.models import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

CHECKPOINTS_KEPT = 2  # of a running job; a damaged one falls back to the one before


def drop_checkpoints(session: Session, rows: Sequence[Checkpoint]) -> list[str]:
    """Delete these rows.

    All rows that name the same blobs are locked first, always in the same order: of
    two jobs that drop the same blob at once, the later one sees that it is the last.

    Returns:
        Keys of the blobs that no row names any more.
    """
    keys, going = {row.key for row in rows}, {_id(row) for row in rows}
    naming = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.key.in_(keys))
        .order_by(Checkpoint.key, Checkpoint.job_id, Checkpoint.fence)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for row in naming:
        if _id(row) in going:
            session.delete(row)
    session.flush()
    return unnamed(session, sorted(keys))


def _id(row: Checkpoint) -> tuple[str, int, int]:
    return row.job_id, row.fence, row.iteration
