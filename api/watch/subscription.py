"""Subscriptions of streams and long polls to messages about jobs.

Messages about events are always sent. Progress, previews and checkpoints may be
skipped: only the newest of each is sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

from api.watch.message import END, LATEST_ONLY, PROGRESS, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.watch.message import Message

PROGRESS_INTERVAL_SECONDS = 0.5  # between two progress messages of one job
MAX_PENDING_EVENTS = 1000  # above it, the client must reconnect


class Outbox:
    """Bounded queue of messages; slow readers miss progress, but no events."""

    def __init__(self) -> None:
        self._events: deque[Message] = deque()
        self._latest: dict[tuple[str, str], Message] = {}
        self._progress_due: dict[str, float] = {}
        self.overflowed = False

    def put(self, message: Message) -> None:
        """Add a message; drop it and set `overflowed` if too many are pending."""
        if message.kind in LATEST_ONLY:
            self._latest[message.kind, message.job_id] = message
            return
        if len(self._events) >= MAX_PENDING_EVENTS:
            self.overflowed = True
            return
        self._events.append(message)
        if message.kind == END:
            self._forget_job(message.job_id)

    def take(self, now: float) -> list[Message]:
        """Remove and return the messages that may be sent now, events first."""
        messages = list(self._events)
        self._events.clear()
        for key, message in list(self._latest.items()):
            if self._message_due_at(message) <= now:
                messages.append(self._latest.pop(key))
                if message.kind == PROGRESS:
                    due_at = now + PROGRESS_INTERVAL_SECONDS
                    self._progress_due[message.job_id] = due_at
        return messages

    def due_at(self) -> float | None:
        """Return the time when a message is due; None if none is pending."""
        if self._events:
            return 0.0
        return min(map(self._message_due_at, self._latest.values()), default=None)

    def _message_due_at(self, message: Message) -> float:
        if message.kind != PROGRESS:
            return 0.0
        return self._progress_due.get(message.job_id, 0.0)

    def _forget_job(self, job_id: str) -> None:
        self._progress_due.pop(job_id, None)
        for kind in LATEST_ONLY:
            self._latest.pop((kind, job_id), None)


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """Filter of the messages of a subscription.

    Attributes:
        owner_id: Owner of the jobs.
        job_ids: Ids of the jobs, or None for all jobs of the owner.
        includes_versions: True to include messages of kind VERSION.
        key_id: Id of the API key of the client, or None if it needs no key.
    """

    owner_id: str
    job_ids: frozenset[str] | None = None
    includes_versions: bool = False
    key_id: str | None = None

    def matches(self, message: Message) -> bool:
        """Return whether the filter includes a message."""
        if message.owner_id != self.owner_id:
            return False
        if message.kind == VERSION and not self.includes_versions:
            return False
        return self.job_ids is None or message.job_id in self.job_ids


class Subscription:
    """Messages about some jobs from now on, until it is closed or its key expires.

    Args:
        message_filter: Filter of messages; others are ignored.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self, message_filter: SubscriptionFilter, clock: Callable[[], float]
    ) -> None:
        self.filter = message_filter
        self._clock = clock
        self._outbox = Outbox()
        self._changed = Condition()
        self._closed = False
        self._expired = False

    @property
    def is_closed(self) -> bool:
        """Whether the process is shutting down."""
        return self._closed

    @property
    def is_expired(self) -> bool:
        """Whether the API key was revoked, or has expired, since the subscription."""
        return self._expired

    @property
    def is_ended(self) -> bool:
        """Whether no further messages will come."""
        return self._closed or self._expired

    @property
    def overflowed(self) -> bool:
        """Whether events were dropped, because too many were pending."""
        return self._outbox.overflowed

    def put(self, message: Message) -> None:
        """Add a message, if the filter matches it, and wake the reader."""
        if self.filter.matches(message):
            with self._changed:
                self._outbox.put(message)
                self._changed.notify()

    def close(self) -> None:
        """End the subscription and wake the reader: the process is shutting down."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def expire(self) -> None:
        """End the subscription and wake the reader: the key is no longer valid."""
        with self._changed:
            self._expired = True
            self._changed.notify()

    def take(self, timeout_seconds: float) -> list[Message]:
        """Wait for messages and return them; return none after a timeout or the end."""
        end = self._clock() + timeout_seconds
        with self._changed:
            while not self.is_ended:
                now = self._clock()
                due = self._outbox.due_at()
                if due is not None and due <= now:
                    break
                if now >= end:
                    return []
                self._changed.wait((end if due is None else min(due, end)) - now)
            return [] if self._expired else self._outbox.take(self._clock())
