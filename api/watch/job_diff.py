"""Differences of running jobs between two reads, as messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog

from api.job_view.serializer import serialize_preview
from api.watch.message import CHECKPOINT, PREVIEW, PROGRESS, VERSION, Message
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from api.job_view.schemas import Progress
    from shared.queries.events import RunningJob

    ProgressSerializer = Callable[[RunningJob], Progress | None]

log = structlog.get_logger(__name__)


class JobDiff:
    """Comparison of running jobs with their previous rows.

    Args:
        serialize_progress: Function that serializes the progress of a job.
    """

    def __init__(self, serialize_progress: ProgressSerializer) -> None:
        self._serialize_progress = serialize_progress
        self._rows: dict[str, RunningJob] = {}

    def update(self, rows: Sequence[RunningJob]) -> list[Message]:
        """Return messages about differences from the previous rows; store these rows.

        All values of a job without a previous row count as changes.

        Raises:
            DatabaseUnavailable: Progress cannot be serialized now. Nothing is stored,
                so the next call returns these changes, too.
        """
        messages = [
            message
            for row in rows
            for message in self._compare(row, self._rows.get(row.job_id))
        ]
        self._rows = {row.job_id: row for row in rows}
        return messages

    def _compare(
        self, row: RunningJob, previous: RunningJob | None
    ) -> Iterator[Message]:
        if previous is None or previous.version != row.version:
            yield _message(VERSION, row, {"version": row.version})
        if row.progress is not None and (
            previous is None or previous.progress != row.progress
        ):
            yield from self._progress_message(row)
        if row.frame is not None and (previous is None or previous.frame != row.frame):
            preview = serialize_preview(row.job_id, *row.frame)
            yield _message(PREVIEW, row, {"preview": preview.model_dump()})
        if row.checkpoint_iteration and (
            previous is None
            or previous.checkpoint_iteration != row.checkpoint_iteration
        ):
            checkpoint = {"iteration": row.checkpoint_iteration}
            yield _message(CHECKPOINT, row, {"last_checkpoint": checkpoint})

    def _progress_message(self, row: RunningJob) -> Iterator[Message]:
        try:
            progress = self._serialize_progress(row)
        except DatabaseUnavailable:
            raise
        except Exception:
            # The job may have been deleted. Messages of other jobs are sent anyway.
            log.info("progress_serialization_failed", job_id=row.job_id, exc_info=True)
            return
        if progress is not None:
            members = {"progress": progress.model_dump(mode="json")}
            yield _message(PROGRESS, row, members)


def _message(kind: str, row: RunningJob, members: Mapping[str, object]) -> Message:
    data = json.dumps({"job_id": row.job_id, **members}, separators=(",", ":"))
    return Message(kind, row.job_id, row.owner_id, data)
