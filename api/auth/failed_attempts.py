"""Who sends keys that are none: counted per address, so that they cost little.

The right key is let in however many wrong ones its address has sent, for behind a
proxy all clients have one. docs/adr/0026-wrong-keys-are-counted-by-address.md.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import g, request

from api.dependencies import current_services
from shared.errors import RateLimited, Unauthenticated

if TYPE_CHECKING:
    from shared.auth.api_keys import KnownKey

BUDGET = "wrong-keys"
WRONG_PER_MINUTE = 60
_HOME_BITS = 64  # of an IPv6 address: who has one has all that begin alike


def look_up(token: str) -> KnownKey:
    """Find the valid key that `token` is, which this process does not remember.

    Raises:
        Unauthenticated: It is none, or not any more.
        RateLimited: The same, and the address has sent too many that were none.
        DatabaseUnavailable: Nobody can say.
    """
    services, where = current_services(), network_of(request.remote_addr)
    keys, budgets = services.keys, services.strangers
    is_suspect = budgets.is_spent(where, BUDGET, WRONG_PER_MINUTE)
    if not is_suspect or keys.includes(token):
        key = keys.by_token(token)
        if key is not None:
            return key
    g.standing = budgets.spend(where, BUDGET, WRONG_PER_MINUTE)
    if g.standing.retry_after_seconds is None:
        raise Unauthenticated("this API key is not known here, or not any more")
    raise RateLimited(
        f"this API key is not known here, and neither were {WRONG_PER_MINUTE} others "
        "that your address has sent within a minute",
        g.standing.retry_after_seconds,
        hint="a valid key is let in all the same; 'impasto keys create' makes one",
    )


def network_of(address: str | None) -> str:
    """Name whoever has an address: by itself, or in IPv6 by its first half."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(parsed, IPv4Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Network((int(parsed), _HOME_BITS), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
