"""The Prefer header (RFC 7240): how long a client would like an answer to wait."""

from __future__ import annotations

import re

LONGEST_WAIT_SECONDS = 60

_WAIT = re.compile(
    r"""(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])""", re.IGNORECASE
)


def wanted_wait_seconds(prefer: str) -> int:
    """Read `wait=N`, at most 60; 0 if it is not said.

    What cannot be read counts as not said: a preference is no demand (section 2).
    """
    found = _WAIT.search(prefer)
    return 0 if found is None else min(int(found[1]), LONGEST_WAIT_SECONDS)
