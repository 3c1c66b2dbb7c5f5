"""WSGI middleware that answers polls of unchanged jobs with 304, without Flask.

Most requests that a busy farm gets are such polls, and Flask took most of the time that
one cost: docs/adr/0027. Only polls whose answer is in the caches of this process are
answered here, exactly as the view would (a test compares the two). All other requests
are passed on to Flask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.auth.rate_limit import DEFAULT, key_quotas, rate_limit_headers
from api.http.headers import new_request_id
from api.job_view.responses import view_headers
from shared.auth.api_keys import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from api.dependencies import Dependencies
    from shared.auth.api_keys import ValidKey

    Headers = list[tuple[str, str]]

_JOB_PATH = re.compile(r"/v1/jobs/(job_[0-9A-Z]{26})")
_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class _Poll:
    """A poll of a job by API key and ETag, without a query or preferences."""

    job_id: str
    token: str
    etag: str

    @classmethod
    def parse(cls, environ: WSGIEnvironment) -> Self | None:
        """Parse a request; return None if it is another one, or asks for more."""
        etag = environ.get("HTTP_IF_NONE_MATCH")
        if etag is None or environ["REQUEST_METHOD"] != "GET":
            return None
        if environ["QUERY_STRING"] or "HTTP_PREFER" in environ:
            return None
        path = _JOB_PATH.fullmatch(environ["PATH_INFO"])
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if path is None or not authorization.startswith(_BEARER):
            return None
        return cls(path[1], authorization.removeprefix(_BEARER), etag)


class NotModifiedMiddleware:
    """Middleware that answers polls of unchanged jobs.

    Args:
        app: WSGI application that answers all other requests.
        dependencies: Dependencies of the app.
    """

    def __init__(self, app: WSGIApplication, dependencies: Dependencies) -> None:
        self._app, self._dependencies = app, dependencies
        self._requires_keys = dependencies.settings.auth == "keys"

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer the request, or pass it on to the app."""
        poll = _Poll.parse(environ) if self._requires_keys else None
        headers = None if poll is None else self._headers(poll)
        if headers is None:
            return self._app(environ, start_response)
        start_response("304 NOT MODIFIED", headers)
        return ()

    def _headers(self, poll: _Poll) -> Headers | None:
        """Return the headers of a 304; None if the app must answer."""
        key = self._dependencies.key_cache.cached(poll.token)
        if key is None or not key.scopes & {Scope.READ, Scope.ADMIN}:
            return None
        view = self._dependencies.view_cache.get_cached_view(key.owner_id, poll.job_id)
        if view is None:
            return None
        headers = view_headers(view.etag, view.poll_seconds)
        if headers[0] != ("ETag", poll.etag):
            return None
        rate_headers = self._count_request(key)
        if rate_headers is None:
            return None
        return [*headers, ("Request-Id", new_request_id()), *rate_headers]

    def _count_request(self, key: ValidKey) -> Headers | None:
        """Return the headers of the rate limit; None if it is exceeded."""
        quota = key_quotas(key, self._dependencies.settings)[DEFAULT]
        if not quota:
            return []
        state = self._dependencies.rate_limiter.take(key.id, DEFAULT, quota)
        if state.retry_after_seconds is not None:
            return None
        return rate_limit_headers(state)
