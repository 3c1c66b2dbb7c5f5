"""Watcher: one thread per process that reads new rows for all streams and long polls.

The thread reads only while there are subscriptions. The number of rows does not grow
with the subscriptions: new events, and the running jobs that are subscribed to.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Condition, Thread
from typing import TYPE_CHECKING

import structlog

from api.watch.event_serializer import event_messages
from api.watch.job_diff import JobDiff
from api.watch.reorder_buffer import ReorderBuffer
from api.watch.subscription import Subscription
from shared.auth.api_keys import filter_valid_keys
from shared.errors import DatabaseUnavailable, ImpastoError
from shared.queries.events import read_events_after, read_latest_seq, read_running_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from api.watch.job_diff import ProgressSerializer
    from api.watch.message import Message
    from api.watch.subscription import SubscriptionFilter
    from shared.db.database import Database
    from shared.queries.events import JobEventRow

log = structlog.get_logger(__name__)

POLL_INTERVAL_SECONDS = 0.2
KEY_CHECK_SECONDS = 2.0
_OUTAGE_SECONDS = 2.0
_READY_TIMEOUT_SECONDS = 10.0
_MAX_EVENTS = 1000  # per read; the next read continues
_LOOKBACK = 100  # numbers before the last event, some of which may not be visible yet


class KeyExpiryChecker:
    """Periodic check of API keys, which may expire or be revoked during a stream.

    Args:
        database: Database that stores the keys.
        clock: Monotonic clock, in seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self._due_at = 0.0

    def check_soon(self) -> None:
        """Make the next check due now, since this process has revoked a key."""
        self._due_at = 0.0

    def find_expired(self, key_ids: Collection[str]) -> Collection[str]:
        """Return those of these keys that are no longer valid; none if no check is due.

        Raises:
            DatabaseUnavailable: The keys cannot be read.
        """
        now = self._clock()
        if not key_ids or now < self._due_at:
            return ()
        # Set before the keys are read: `check_soon` may be called meanwhile.
        self._due_at = now + KEY_CHECK_SECONDS
        return set(key_ids) - filter_valid_keys(self._database, key_ids)


class Watcher:
    """Thread that reads new rows and puts messages into every subscription.

    Args:
        database: Database that is read.
        serialize_progress: Function that serializes the progress of a job.
        clear_key_cache: Function called when keys have been revoked or have expired.
    """

    def __init__(
        self,
        database: Database,
        serialize_progress: ProgressSerializer,
        clear_key_cache: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._serialize_progress = serialize_progress
        self._clear_key_cache = clear_key_cache
        self._key_checker = KeyExpiryChecker(database, time.monotonic)
        self._changed = Condition()
        self._subscriptions: list[Subscription] = []
        self._ready = False  # whether the end of the event log has been read
        self._closed = False
        self._thread: Thread | None = None

    @contextmanager
    def subscribe(self, message_filter: SubscriptionFilter) -> Iterator[Subscription]:
        """Subscribe to all messages from now on.

        Raises:
            DatabaseUnavailable: The end of the event log cannot be read.
        """
        subscription = self._open(message_filter)
        try:
            yield subscription
        finally:
            with self._changed:
                if subscription in self._subscriptions:
                    self._subscriptions.remove(subscription)

    def close(self) -> None:
        """Close all subscriptions and stop the thread: the process is shutting down."""
        with self._changed:
            self._closed = True
            subscriptions, self._subscriptions = self._subscriptions, []
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        for subscription in subscriptions:
            subscription.close()
        if thread is not None:
            thread.join()

    def recheck_keys(self) -> None:
        """Check the keys of all subscriptions soon, since a key was revoked."""
        self._key_checker.check_soon()

    def _open(self, message_filter: SubscriptionFilter) -> Subscription:
        subscription = Subscription(message_filter, time.monotonic)
        with self._changed:
            if self._closed:
                subscription.close()
                return subscription
            self._subscriptions.append(subscription)
            self._start()
            self._changed.notify_all()
            is_ready = self._changed.wait_for(
                lambda: self._ready or self._closed, _READY_TIMEOUT_SECONDS
            )
            if not is_ready:
                self._subscriptions.remove(subscription)
        if not is_ready:
            raise DatabaseUnavailable("the log of the jobs cannot be read")
        return subscription

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name="watcher", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._wait_for_subscription():
            self._read_while_subscribed()

    def _wait_for_subscription(self) -> bool:
        """Wait for a subscription; return False if the watcher was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._subscriptions or self._closed)
            return not self._closed

    def _read_while_subscribed(self) -> None:
        events: ReorderBuffer | None = None
        diff = JobDiff(self._serialize_progress)
        while True:
            pause = POLL_INTERVAL_SECONDS
            try:
                self._end_expired()
                if events is None:
                    events = self._read_end_of_log()
                self._read_and_publish(events, diff)
            except ImpastoError as error:
                log.warning("watcher_read_failed", error=str(error))
                pause = _OUTAGE_SECONDS
            except Exception:
                log.exception("watcher_crashed")
                pause = _OUTAGE_SECONDS
            if not self._pause(pause, ready=events is not None):
                return

    def _end_expired(self) -> None:
        """End subscriptions whose API key was revoked or has expired."""
        with self._changed:
            subscriptions = [
                subscription
                for subscription in self._subscriptions
                if subscription.filter.key_id is not None
            ]
        expired = self._key_checker.find_expired(
            {str(subscription.filter.key_id) for subscription in subscriptions}
        )
        if expired:
            self._clear_key_cache()
        for subscription in subscriptions:
            if subscription.filter.key_id in expired:
                subscription.expire()

    def _pause(self, seconds: float, *, ready: bool) -> bool:
        """Wait before the next read; return False if no subscription is left."""
        with self._changed:
            self._ready = ready
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed, seconds)
            if self._subscriptions and not self._closed:
                return True
            self._ready = False
            return False

    def _read_end_of_log(self) -> ReorderBuffer:
        """Start at the end of the log; earlier events may still become visible."""
        last = read_latest_seq(self._database)
        after = max(0, last - _LOOKBACK)
        visible = read_events_after(self._database, after, (), _MAX_EVENTS)
        last = max((event.seq for event in visible), default=last)
        missing = set(range(after + 1, last)) - {event.seq for event in visible}
        return ReorderBuffer(last, missing, time.monotonic() - _OUTAGE_SECONDS)

    def _read_and_publish(self, events: ReorderBuffer, diff: JobDiff) -> None:
        visible = read_events_after(
            self._database, events.last, events.missing, _MAX_EVENTS
        )
        due = events.add(visible, time.monotonic())
        try:
            self._publish(self._collect_messages(due, diff))
        except Exception:
            events.put_back(due)  # each event is published at least once
            raise

    def _collect_messages(self, due: list[JobEventRow], diff: JobDiff) -> list[Message]:
        # Read after the log: later subscribers have read the jobs after these events.
        filters = self._filters()
        owner_ids = {message_filter.owner_id for message_filter in filters}
        events = [event for event in due if event.owner_id in owner_ids]
        job_ids = {
            job_id
            for message_filter in filters
            for job_id in message_filter.job_ids or ()
        }
        owners_of_all = {
            message_filter.owner_id
            for message_filter in filters
            if message_filter.job_ids is None
        }
        rows = read_running_jobs(self._database, job_ids, owners_of_all)
        messages = event_messages(self._database, events)
        # The diff is last, because it returns each change only once.
        return [*messages, *diff.update(rows)]

    def _publish(self, messages: list[Message]) -> None:
        with self._changed:
            subscriptions = list(self._subscriptions)
        for message in messages:
            for subscription in subscriptions:
                subscription.put(message)

    def _filters(self) -> list[SubscriptionFilter]:
        with self._changed:
            return [subscription.filter for subscription in self._subscriptions]
