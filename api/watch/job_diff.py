"""What moves while a worker holds a job: told when it differs from what was seen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from api.job_view.etag import percent_of
from api.job_view.serializer import preview_of
from api.watch.message import CHECKPOINT, PREVIEW, PROGRESS, TOUCHED, News
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from api.job_view.schemas import Progress
    from shared.queries.events import RunningJob

    Progressing = Callable[[RunningJob], Progress | None]

log = structlog.get_logger(__name__)


class Differences:
    """Compares jobs with how they were at the last look.

    Args:
        progress_of: Describes how far a job is.
    """

    def __init__(self, progress_of: Progressing) -> None:
        self._progress_of = progress_of
        self._seen: dict[str, RunningJob] = {}

    def take(self, rows: Sequence[RunningJob]) -> list[News]:
        """Tell what is new, which is all of a job that was not there before.

        Raises:
            DatabaseUnavailable: How far a job is cannot be said now; all of it will be
                new the next time.
        """
        news = [
            news for row in rows for news in self._told(row, self._seen.get(row.job_id))
        ]
        self._seen = {row.job_id: row for row in rows}
        return news

    def _told(self, now: RunningJob, was: RunningJob | None) -> Iterator[News]:
        if was is None or was.revision != now.revision:
            yield _news(TOUCHED, now, {"revision": now.revision})
        if now.progress is not None and (was is None or was.progress != now.progress):
            yield from self._progress(now)
        if now.frame is not None and (was is None or was.frame != now.frame):
            yield _preview(now, *now.frame)
        if now.checkpoint_iteration and (was is None or was.checkpoint_iteration != now.checkpoint_iteration):
            mark = {"iteration": now.checkpoint_iteration}
            yield _news(CHECKPOINT, now, {"last_checkpoint": mark})

    def _progress(self, row: RunningJob) -> Iterator[News]:
        try:
            progress = self._progress_of(row)
        except DatabaseUnavailable:
            raise
        except Exception:
            # It may be gone meanwhile; whatever it is, others have news too.
            log.info("progress_serialization_failed", job_id=row.job_id, exc_info=True)
            return
        if progress is not None:
            said = {"progress": progress.model_dump(mode="json")}
            yield _news(PROGRESS, row, said, percent_of(progress))


def _preview(
    row: RunningJob, iteration: int, width: int, height: int, thumb_key: str
) -> News:
    preview = preview_of(row.job_id, iteration, width, height)
    news = _news(PREVIEW, row, {"preview": preview.model_dump()})
    return replace(news, thumb_key=thumb_key)


def _news(
    kind: str, row: RunningJob, said: Mapping[str, object], percent: int | None = None
) -> News:
    data = json.dumps({"job_id": row.job_id, **said}, separators=(",", ":"))
    return News(kind, row.job_id, row.owner_id, data, percent=percent)
