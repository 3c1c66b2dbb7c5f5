"""How many requests a key may make: a bucket that fills up evenly.

Counted in this process: docs/adr/0019-requests-are-counted-in-the-process.md.

Counting requests per key, and telling in every answer how many are left.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from flask import Flask, Response, current_app, g, request

from api.dependencies import current_services
from shared.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.auth.authenticate import Caller
    from shared.auth.api_keys import KnownKey
    from shared.settings import Settings

WINDOW_SECONDS = 60
_MOST = 20_000  # buckets remembered at once
_ROUNDING = 1e-6  # is nobody's fault


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget after a request.

    Attributes:
        name: Of the budget.
        quota: Requests per window.
        left: What could be made at once now.
        reset_seconds: When all of the quota is there again, if no more are made.
        retry_after_seconds: When the next one is taken; None: this one was.
    """

    name: str
    quota: int
    left: int
    reset_seconds: int
    retry_after_seconds: int | None

    @property
    def policy(self) -> str:
        """As the field RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.name}";q={self.quota};w={WINDOW_SECONDS}'

    @property
    def limit(self) -> str:
        """As the field RateLimit of the same draft."""
        return f'"{self.name}";r={self.left};t={self.reset_seconds}'


class Budgets:
    """All buckets of a process: of each, how much was missing, and when that was.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def is_spent(self, who: str, name: str, quota: int) -> bool:
        """Whether `spend` would take nothing now."""
        missing = self._missing((who, name), self._clock(), quota / WINDOW_SECONDS)
        return missing + 1 - quota > _ROUNDING

    def spend(self, who: str, name: str, quota: int) -> Standing:
        """Take one request from a bucket, if there is one left."""
        now, per_second = self._clock(), quota / WINDOW_SECONDS
        with self._lock:
            missing = self._missing((who, name), now, per_second)
            lacking = missing + 1 - quota
            refused = lacking > _ROUNDING
            if not refused:
                missing += 1
                self._remember((who, name), missing, now)
        return Standing(
            name,
            quota,
            max(math.floor(quota - missing + _ROUNDING), 0),
            math.ceil(missing / per_second - _ROUNDING),
            max(math.ceil(lacking / per_second - _ROUNDING), 1) if refused else None,
        )

    def _missing(self, place: tuple[str, str], now: float, per_second: float) -> float:
        missing, at = self._buckets.get(place, (0.0, now))
        return max(missing - (now - at) * per_second, 0.0)

    def _remember(self, place: tuple[str, str], missing: float, now: float) -> None:
        if place not in self._buckets and len(self._buckets) >= _MOST:
            recent = {
                place: bucket
                for place, bucket in self._buckets.items()
                if bucket[1] > now - WINDOW_SECONDS  # older ones are full again
            }
            # Sorting out must not become the work of every request.
            self._buckets = recent if len(recent) < _MOST / 2 else {}
        self._buckets[place] = (missing, now)


SUBMIT, DEFAULT = "submit", "default"


def register_rate_limits(app: Flask) -> None:
    """Count what is let into `app`; after `auth`, which says who it is."""
    app.before_request(_count)
    app.after_request(_tell)


def quotas_of(key: KnownKey, settings: Settings) -> dict[str, int]:
    """Requests per minute, by budget; 0: no limit."""
    told = {SUBMIT: key.submits_per_minute, DEFAULT: key.requests_per_minute}
    usual = {SUBMIT: settings.submits_per_minute, DEFAULT: settings.requests_per_minute}
    return {
        name: usual[name] if quota is None else quota for name, quota in told.items()
    }


def standing_headers(standing: Standing) -> list[tuple[str, str]]:
    """Tell how many are left."""
    return [("RateLimit-Policy", standing.policy), ("RateLimit", standing.limit)]


def _count() -> None:
    caller: Caller | None = g.get("caller")
    if caller is None or caller.key is None:
        return
    name = SUBMIT if _creates() else DEFAULT
    quota = quotas_of(caller.key, current_services().settings)[name]
    if not quota:
        return
    key = caller.key
    standing = current_services().budgets.spend(key.id, name, quota)
    g.standing = standing
    if standing.retry_after_seconds is not None:
        raise RateLimited(
            f"this key may make {quota} requests of the kind {name!r} per minute",
            standing.retry_after_seconds,
        )


def _creates() -> bool:
    """Whether the view makes something: `api.idempotency` marks those."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "creates", False))


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers.extend(standing_headers(standing))
    return response
