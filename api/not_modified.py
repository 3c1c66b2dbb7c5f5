"""Polls to which nothing is new, answered before Flask sees them.

Most requests that a busy farm gets are such, and most of what one cost was Flask's:
docs/adr/0027. Only what this process knows by heart is answered here, and exactly as
the view would (a test compares the two); everything else goes on to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.auth.rate_limit import DEFAULT, quotas_of, standing_headers
from api.http.headers import new_request_id
from api.job_view.responses import look_headers
from shared.auth.api_keys import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from api.dependencies import Services
    from shared.auth.api_keys import KnownKey

    Headers = list[tuple[str, str]]

_JOB = re.compile(r"/v1/jobs/(job_[0-9A-Z]{26})")
_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class _Poll:
    """A poll of the plainest kind."""

    job_id: str
    token: str
    etag: str

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> Self | None:
        """Read it; None: it is none, or says more."""
        etag = environ.get("HTTP_IF_NONE_MATCH")
        if etag is None or environ["REQUEST_METHOD"] != "GET":
            return None
        if environ["QUERY_STRING"] or "HTTP_PREFER" in environ:
            return None
        job = _JOB.fullmatch(environ["PATH_INFO"])
        told = environ.get("HTTP_AUTHORIZATION", "")
        if job is None or not told.startswith(_BEARER):
            return None
        return cls(job[1], told.removeprefix(_BEARER), etag)


class Unchanged:
    """A WSGI app before another.

    Args:
        further: Gets what is not answered here.
        services: Of both.
    """

    def __init__(self, further: WSGIApplication, services: Services) -> None:
        self._further, self._services = further, services
        self._asks_for_keys = services.settings.auth == "keys"

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer, or let the other app do so."""
        poll = _Poll.read(environ) if self._asks_for_keys else None
        headers = None if poll is None else self._headers(poll)
        if headers is None:
            return self._further(environ, start_response)
        start_response("304 NOT MODIFIED", headers)
        return ()

    def _headers(self, poll: _Poll) -> Headers | None:
        """Of a 304; None: there may be more to say."""
        key = self._services.keys.recall(poll.token)
        if key is None or not key.scopes & {Scope.READ, Scope.ADMIN}:
            return None
        look = self._services.looks.recall(key.owner_id, poll.job_id)
        if look is None:
            return None
        headers = look_headers(look.mark, look.poll_seconds)
        if headers[0] != ("ETag", poll.etag):
            return None
        counted = self._count(key)
        if counted is None:
            return None
        return [*headers, ("Request-Id", new_request_id()), *counted]

    def _count(self, key: KnownKey) -> Headers | None:
        """Count it; None: it is one too many."""
        quota = quotas_of(key, self._services.settings)[DEFAULT]
        if not quota:
            return []
        standing = self._services.budgets.spend(key.id, DEFAULT, quota)
        if standing.retry_after_seconds is not None:
            return None
        return standing_headers(standing)
