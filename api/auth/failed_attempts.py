"""Rate limit for invalid API keys, per client address.

A valid key is accepted however many invalid ones its address has sent, because all
clients behind a proxy share one address.
docs/adr/0026-wrong-keys-are-counted-by-address.md.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import g, request

from api.dependencies import current_dependencies
from shared.errors import RateLimited, Unauthenticated

if TYPE_CHECKING:
    from shared.auth.api_keys import ValidKey

LIMIT_NAME = "wrong-keys"
MAX_FAILURES_PER_MINUTE = 60
_IPV6_PREFIX_BITS = 64  # one subscriber has all IPv6 addresses of this prefix


def find_key_or_count_failure(token: str) -> ValidKey:
    """Return the valid key that `token` is, reading the database; count a failure.

    Raises:
        Unauthenticated: The key is unknown, revoked or expired.
        RateLimited: The same, and the address has sent too many invalid keys.
        DatabaseUnavailable: The keys cannot be read.
    """
    dependencies, where = current_dependencies(), client_network(request.remote_addr)
    keys, budgets = dependencies.key_cache, dependencies.failed_attempts
    is_suspect = budgets.is_exhausted(where, LIMIT_NAME, MAX_FAILURES_PER_MINUTE)
    if not is_suspect or keys.exists(token):
        key = keys.find_by_token(token)
        if key is not None:
            return key
    g.standing = budgets.take(where, LIMIT_NAME, MAX_FAILURES_PER_MINUTE)
    if g.standing.retry_after_seconds is None:
        raise Unauthenticated("this API key is not known here, or not any more")
    raise RateLimited(
        "this API key is not known here, and neither were "
        f"{MAX_FAILURES_PER_MINUTE} others that your address has sent within a minute",
        g.standing.retry_after_seconds,
        hint="a valid key is let in all the same; 'impasto keys create' makes one",
    )


def client_network(address: str | None) -> str:
    """Return the IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(parsed, IPv4Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Network((int(parsed), _IPV6_PREFIX_BITS), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
