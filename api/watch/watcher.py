"""The one thread of a process that looks for news, for all who wait for any.

It looks only while somebody waits, and reads the same few rows however many do: the new
lines of the log, and how the watched jobs are.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Condition, Thread
from typing import TYPE_CHECKING

import structlog

from api.watch.job_diff import Differences
from api.watch.key_expiry import Admissions
from api.watch.messages import news_of
from api.watch.ordering import InOrder
from api.watch.subscription import Watch
from shared.errors import DatabaseUnavailable, ImpastoError
from shared.queries.events import events_after, latest_seq, running_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from api.watch.job_diff import Progressing
    from api.watch.message import News
    from api.watch.subscription import Scope
    from shared.db.database import Database
    from shared.queries.events import JobEventRow

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
_OUTAGE_SECONDS = 2.0
_PLACED_SECONDS = 10.0
_MOST_LINES = 1000  # of one look; the rest comes with the next
_BEFORE = 100  # lines before the last, among which some may not be visible yet


class Lookout:
    """Looks, and tells every watch.

    Args:
        database: Where.
        progress_of: Describes how far a job is.
        forget_keys: Called when some are valid no more that were until now.
    """

    def __init__(
        self,
        database: Database,
        progress_of: Progressing,
        forget_keys: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._progress_of = progress_of
        self._forget_keys = forget_keys
        self._admissions = Admissions(database, time.monotonic)
        self._changed = Condition()
        self._watches: list[Watch] = []
        self._placed = False  # whether the place in the log is known
        self._closed = False
        self._thread: Thread | None = None

    @contextmanager
    def watch(self, scope: Scope) -> Iterator[Watch]:
        """Watch these jobs: no news is missed from here on.

        Raises:
            DatabaseUnavailable: There is no saying what would be news.
        """
        watch = self._open(scope)
        try:
            yield watch
        finally:
            with self._changed:
                if watch in self._watches:
                    self._watches.remove(watch)

    def close(self) -> None:
        """Wake all who wait, and look no more: the process is about to end."""
        with self._changed:
            self._closed = True
            watches, self._watches = self._watches, []
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        for watch in watches:
            watch.close()
        if thread is not None:
            thread.join()

    def recheck_keys(self) -> None:
        """Turn those away at once whose key has just been revoked."""
        self._admissions.hurry()

    def _open(self, scope: Scope) -> Watch:
        watch = Watch(scope, time.monotonic)
        with self._changed:
            if self._closed:
                watch.close()
                return watch
            self._watches.append(watch)
            self._start()
            self._changed.notify_all()
            known = self._changed.wait_for(
                lambda: self._placed or self._closed, _PLACED_SECONDS
            )
            if not known:
                self._watches.remove(watch)
        if not known:
            raise DatabaseUnavailable("the log of the jobs cannot be read")
        return watch

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="lookout", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._is_wanted():
            self._look_while_wanted()

    def _is_wanted(self) -> bool:
        """Wait until somebody waits for news; False: there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._watches or self._closed)
            return not self._closed

    def _look_while_wanted(self) -> None:
        order: InOrder | None = None
        differences = Differences(self._progress_of)
        while True:
            pause = LOOK_SECONDS
            try:
                self._turn_away()
                if order is None:
                    order = self._place()
                self._look(order, differences)
            except ImpastoError as error:
                log.warning("watcher_read_failed", error=str(error))
                pause = _OUTAGE_SECONDS
            except Exception:
                log.exception("watcher_crashed")
                pause = _OUTAGE_SECONDS
            if not self._pause(pause, placed=order is not None):
                return

    def _turn_away(self) -> None:
        """End the watches of keys that have been revoked, or have expired."""
        with self._changed:
            watches = [one for one in self._watches if one.scope.key_id is not None]
        gone = self._admissions.lapsed({str(one.scope.key_id) for one in watches})
        if gone:
            self._forget_keys()
        for watch in watches:
            if watch.scope.key_id in gone:
                watch.lapse()

    def _pause(self, seconds: float, *, placed: bool) -> bool:
        """Wait before the next look; False: nobody wants one."""
        with self._changed:
            self._placed = placed
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed, seconds)
            if self._watches and not self._closed:
                return True
            self._placed = False
            return False

    def _place(self) -> InOrder:
        """Begin at the end of the log; lines before it may become visible yet."""
        last = latest_seq(self._database)
        before = max(0, last - _BEFORE)
        seen = events_after(self._database, before, (), _MOST_LINES)
        last = max((one.seq for one in seen), default=last)
        missing = set(range(before + 1, last)) - {one.seq for one in seen}
        return InOrder(last, missing, time.monotonic() - _OUTAGE_SECONDS)

    def _look(self, order: InOrder, differences: Differences) -> None:
        found = events_after(self._database, order.last, order.missing, _MOST_LINES)
        due = order.take(found, time.monotonic())
        try:
            self._tell(self._news(due, differences))
        except Exception:
            order.put_back(due)  # it is told at least once
            raise

    def _news(self, due: list[JobEventRow], differences: Differences) -> list[News]:
        # Read after the log: whoever comes later has seen the jobs after these lines.
        scopes = self._scopes()
        owners = {scope.owner_id for scope in scopes}
        wanted = [one for one in due if one.owner_id in owners]
        job_ids = {one for scope in scopes for one in scope.job_ids or ()}
        of_all = {scope.owner_id for scope in scopes if scope.job_ids is None}
        moving = running_jobs(self._database, job_ids, of_all)
        lines = news_of(self._database, wanted)
        return [*lines, *differences.take(moving)]  # which come but once: so at last

    def _tell(self, news: list[News]) -> None:
        with self._changed:
            watches = list(self._watches)
        for one in news:
            for watch in watches:
                watch.put(one)

    def _scopes(self) -> list[Scope]:
        with self._changed:
            return [watch.scope for watch in self._watches]
