"""Rate limits per API key, and for wrong keys per client address.

Each limit is a token bucket that refills evenly; response headers say how full it is.
Requests are counted per process: docs/adr/0019-rate-limits-in-process-memory.md.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import TTLCache
from flask import current_app, g, request

from api.dependencies import current_dependencies
from api.http.multipart import MULTIPART
from shared.errors import RateLimited, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from api.auth.authenticate import Caller
    from shared.auth.api_keys import ValidKey
    from shared.settings import Settings

WINDOW_SECONDS = 60
_MAX_BUCKETS = 20_000  # maximum number of stored buckets
_ROUNDING = 1e-6  # tolerance for rounding errors


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """A rate limit after one request.

    Attributes:
        name: Name of the limit.
        quota: Requests per window.
        left: Requests that are accepted now without a wait.
        reset_seconds: Time until the whole quota is available again.
        retry_after_seconds: Time until a request is accepted again, or None if this
            one was accepted.
    """

    name: str
    quota: int
    remaining: int
    reset_seconds: int
    retry_after_seconds: int | None

    @property
    def policy(self) -> str:
        """Value of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.name}";q={self.quota};w={WINDOW_SECONDS}'

    @property
    def limit(self) -> str:
        """Value of the header RateLimit of the same draft."""
        return f'"{self.name}";r={self.remaining};t={self.reset_seconds}'


class RateLimiter:
    """Token buckets of a process, stored as missing tokens at a time.

    Args:
        clock: Monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        # A bucket without requests for so long is full again.
        self._buckets: TTLCache[tuple[str, str], tuple[float, float]] = TTLCache(
            _MAX_BUCKETS, WINDOW_SECONDS, timer=clock
        )

    def take(self, who: str, name: str, quota: int) -> RateLimitState:
        """Count a request in a bucket, if it has a token left."""
        now, per_second = self._clock(), quota / WINDOW_SECONDS
        with self._lock:
            missing = self._missing((who, name), now, per_second)
            lacking = missing + 1 - quota
            refused = lacking > _ROUNDING
            if not refused:
                missing += 1
                self._buckets[who, name] = (missing, now)
        return RateLimitState(
            name,
            quota,
            max(math.floor(quota - missing + _ROUNDING), 0),
            math.ceil(missing / per_second - _ROUNDING),
            max(math.ceil(lacking / per_second - _ROUNDING), 1) if refused else None,
        )

    def _missing(self, place: tuple[str, str], now: float, per_second: float) -> float:
        missing, at = self._buckets.get(place, (0.0, now))
        return max(missing - (now - at) * per_second, 0.0)


SUBMIT, DEFAULT, WRONG_KEYS = "submit", "default", "wrong-keys"
WRONG_KEYS_PER_MINUTE = 60
_IPV6_PREFIX_BITS = 64  # one subscriber has all IPv6 addresses of this prefix


def key_quotas(key: ValidKey, settings: Settings) -> dict[str, int]:
    """Return requests per minute by name of the limit; 0 means no limit."""
    key_limits = {SUBMIT: key.submits_per_minute, DEFAULT: key.requests_per_minute}
    default_limits = {
        SUBMIT: settings.submits_per_minute,
        DEFAULT: settings.requests_per_minute,
    }
    return {
        name: default_limits[name] if quota is None else quota
        for name, quota in key_limits.items()
    }


def wrong_key_error() -> Unauthenticated | RateLimited:
    """Count a wrong key of the client's address, and return the error of the request.

    Called only for invalid keys: all clients behind a proxy share its address, and
    wrong keys of one must not block valid keys of others.
    """
    network, quota = client_network(request.remote_addr), WRONG_KEYS_PER_MINUTE
    limiter = current_dependencies().wrong_key_limiter
    g.standing = limiter.take(network, WRONG_KEYS, quota)
    message = "this API key is not known here, or not any more"
    if g.standing.retry_after_seconds is None:
        return Unauthenticated(message)
    return RateLimited(
        f"{message}; your address has sent {quota} such keys within a minute",
        g.standing.retry_after_seconds,
        hint="a valid key is let in all the same; 'impasto keys create' makes one",
    )


def client_network(address: str | None) -> str:
    """Return the IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    network = IPv6Network((int(parsed), _IPV6_PREFIX_BITS), strict=False)
    return str(parsed.ipv4_mapped or network)


def rate_limit_headers(standing: RateLimitState) -> list[tuple[str, str]]:
    """Return the headers with the limit and the remaining requests."""
    return [("RateLimit-Policy", standing.policy), ("RateLimit", standing.limit)]


def count_request() -> None:
    """Count the current request for its key.

    Raises:
        RateLimited: The key has sent too many requests.
    """
    caller: Caller | None = g.get("caller")
    if caller is None or caller.key is None:
        return
    name = SUBMIT if _counts_as_submission() else DEFAULT
    quota = key_quotas(caller.key, current_dependencies().settings)[name]
    if not quota:
        return
    key = caller.key
    standing = current_dependencies().rate_limiter.take(key.id, name, quota)
    g.standing = standing
    if standing.retry_after_seconds is not None:
        raise RateLimited(
            f"this key may make {quota} requests of the kind {name!r} per minute",
            standing.retry_after_seconds,
        )


def _counts_as_submission() -> bool:
    """Whether the request creates or uploads something; `api.idempotency` marks it."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.mimetype == MULTIPART and hasattr(view, "uploads_count_as_submission"):
        return True
    return hasattr(view, "counts_as_submission")


def add_rate_limit_headers(response: Response) -> None:
    """Add the headers of the limit that counted the request, if there is one."""
    standing: RateLimitState | None = g.get("standing")
    if standing is not None:
        response.headers.extend(rate_limit_headers(standing))
