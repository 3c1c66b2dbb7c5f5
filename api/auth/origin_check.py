"""Checks of client address, proxies, Host and Origin against foreign web pages.

Every web page in the user's browser can send requests to a loopback server. So requests
with a foreign Host (DNS rebinding), Origin or Sec-Fetch-Site are refused. Behind a
proxy on this machine every client has a local address. So without keys, requests with
headers of a proxy are refused.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

from api.dependencies import current_dependencies
from shared.errors import Forbidden

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}
_OWN_SITE_VALUES = {"same-origin", "none"}  # of Sec-Fetch-Site
_PROXY_HEADER = re.compile(
    "(?i)via|(x-)?forwarded.*|cf-connecting-ip|(true-client|x-client|x-real)-ip"
)


def require_this_machine() -> None:
    """Refuse requests of other machines and of other web pages.

    Raises:
        Forbidden: The request comes from elsewhere.
    """
    _check_client()
    _check_proxy()
    _check_host()
    _check_origin()
    if not _is_opened_link():
        _check_fetch_site()


def require_own_page() -> None:
    """Refuse requests that a browser sends for a page of another site.

    The scheme is not compared: behind a proxy, the server does not know of TLS.

    Raises:
        Forbidden: The page of another site sends the request.
    """
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own_origin(origin):
        raise Forbidden(f"web pages of {origin!r} may not use this server")
    _check_fetch_site()


def _check_fetch_site() -> None:
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE_VALUES:
        raise Forbidden("web pages of other sites may not use this server")


def _is_opened_link() -> bool:
    """Return whether the request opens a page in a tab, hidden from other pages."""
    fetch = [request.headers.get(f"Sec-Fetch-{name}") for name in ("Mode", "Dest")]
    return request.method == "GET" and fetch == ["navigate", "document"]


def _is_own_origin(origin: str) -> bool:
    theirs = _host_and_port(origin)
    return theirs is not None and theirs == _host_and_port(f"//{request.host}")


def _check_client() -> None:
    if not _is_loopback(request.remote_addr):
        raise Forbidden(
            f"clients on this machine only, not {request.remote_addr}",
            hint="set IMPASTO_AUTH=keys to serve other machines",
        )


def _check_proxy() -> None:
    for name, _ in request.headers:
        if _PROXY_HEADER.fullmatch(name):
            raise Forbidden(
                f"requests through a proxy (the header {name}) are not served without "
                "keys, as whoever reaches the proxy would need none",
                hint="set IMPASTO_AUTH=keys and make a key: docs/keys.md",
            )


def _check_host() -> None:
    host = request.headers.get("Host", "")
    name = _split(f"//{host}")
    if name is None or name.hostname not in _LOOPBACK_HOSTS:
        raise Forbidden(
            f"host {host!r} is not this machine",
            hint=f"use http://localhost:{current_dependencies().settings.port}",
        )


def _check_origin() -> None:
    origin = request.headers.get("Origin")
    if origin is None:
        return
    theirs, ours = _split(origin), _split(f"{request.scheme}://{request.host}")
    if (
        theirs is None
        or ours is None
        or _host_with_default_port(theirs) != _host_with_default_port(ours)
    ):
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
        _ = parts.port  # raises ValueError if it is not a number
    except ValueError:
        return None
    return parts


def _host_with_default_port(url: SplitResult) -> tuple[str | None, int | None]:
    return url.hostname, url.port or _PORTS.get(url.scheme)


def _host_and_port(url: str) -> tuple[str, int | None] | None:
    """Return host and port without the default port, or None for an invalid URL."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return None
    port = None if parts.port in _PORTS.values() else parts.port
    return parts.hostname, port
