"""Where a request comes from: this machine or another, our own page or a foreign one.

A loopback server can be reached by every web page in the user's browser: a foreign
Host (DNS rebinding) or Origin is turned away.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

from api.dependencies import current_services
from shared.errors import Forbidden

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_NAMES = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}
_OWN = {"same-origin", "none"}  # of Sec-Fetch-Site


def require_this_machine() -> None:
    """Let in clients of this machine only, and of its pages only ours.

    Raises:
        Forbidden: It comes from elsewhere.
    """
    _check_client()
    _check_host()
    _check_origin()


def require_own_page() -> None:
    """Turn away what a browser sends for a page of another site.

    The scheme does not count: behind a proxy, only the browser knows of TLS.

    Raises:
        Forbidden: Another site's page asks.
    """
    origin = request.headers.get("Origin")
    if origin is not None and not _is_ours(origin):
        raise Forbidden(f"web pages of {origin!r} may not use this server")
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN:
        raise Forbidden("web pages of other sites may not use this server")


def _is_ours(origin: str) -> bool:
    theirs = _bare(origin)
    return theirs is not None and theirs == _bare(f"//{request.host}")


def _check_client() -> None:
    if not _is_loopback(request.remote_addr):
        raise Forbidden(
            f"clients on this machine only, not {request.remote_addr}",
            hint="set IMPASTO_AUTH=keys to serve other machines",
        )


def _check_host() -> None:
    host = request.headers.get("Host", "")
    name = _split(f"//{host}")
    if name is None or name.hostname not in _NAMES:
        raise Forbidden(
            f"host {host!r} is not this machine",
            hint=f"use http://localhost:{current_services().settings.port}",
        )


def _check_origin() -> None:
    origin = request.headers.get("Origin")
    if origin is None:
        return
    theirs, ours = _split(origin), _split(f"{request.scheme}://{request.host}")
    if theirs is None or ours is None or _place(theirs) != _place(ours):
        raise Forbidden(f"web pages of {origin!r} may not use this server")


def _is_loopback(address: str | None) -> bool:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    return parts


def _place(url: SplitResult) -> tuple[str | None, int | None]:
    return url.hostname, url.port or _PORTS.get(url.scheme)


def _bare(url: str) -> tuple[str, int | None] | None:
    """Host and port, without one that is usual; None: no address of a page."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return None
    port = None if parts.port in _PORTS.values() else parts.port
    return parts.hostname, port
