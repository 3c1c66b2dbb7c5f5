"""Who is asking: this machine itself, or the owner of a Bearer key.

Without keys the server listens on loopback, where every web page in the user's browser
could reach it too: a foreign Host (DNS rebinding) or Origin is turned away.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from flask import Flask, g, request

from api.services import current_services
from shared import jobs
from shared.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_NAMES = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}
_PROTECTED = "/v1/"


def register(app: Flask) -> None:
    """Let nobody into `app` who may not enter."""
    app.before_request(_admit)


def current_owner_id() -> str:
    """Return the owner of what the current request makes and sees."""
    return cast("str", g.owner_id)


def _admit() -> None:
    if current_services().settings.auth == "none":
        _check_client()
        _check_host()
        _check_origin()
        g.owner_id = jobs.LOCAL_OWNER
    elif request.path.startswith(_PROTECTED):
        g.owner_id = _owner_of_key()


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


def _owner_of_key() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no API key was sent")
    key = jobs.find_key(current_services().database, token.strip())
    if key is None:
        raise Unauthenticated("this API key is not known here")
    return key.owner_id


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
