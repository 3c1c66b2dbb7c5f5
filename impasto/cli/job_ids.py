"""Resolution of typed job ids: a full id, the beginning of one, or `@last`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import AmbiguousId, InvalidOption

if TYPE_CHECKING:
    from impasto.client.jobs import Jobs

LAST = "@last"
_PREFIX = "job_"
_FULL_LENGTH = len(_PREFIX) + 26  # a ULID


def resolve_job_id(jobs: Jobs, typed: str) -> str:
    """Return the full id of the job that is meant.

    Args:
        jobs: Jobs of the server.
        typed: Full id, a unique beginning of one (`job_` may be left out), or @last.

    Raises:
        AmbiguousId: It fits none, or more than one.
    """
    if typed == LAST:
        return _newest_job_id(jobs)
    if typed in {"", _PREFIX}:  # such as an empty variable of a script
        raise InvalidOption("the id of a job is empty")
    prefix = typed if typed.startswith(_PREFIX) else _PREFIX + typed
    if len(prefix) >= _FULL_LENGTH:
        return prefix
    matches = [job.id for job in jobs.iterate() if job.id.startswith(prefix)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise AmbiguousId(f"no job's id begins with {typed!r}")
    raise AmbiguousId(
        f"{len(matches)} jobs' ids begin with {typed!r}: {', '.join(matches[:5])}",
        hint="type more of it",
    )


def _newest_job_id(jobs: Jobs) -> str:
    page = jobs.list(limit=1)
    if not page.data:
        raise AmbiguousId("there is no job yet")
    return page.data[0].id
