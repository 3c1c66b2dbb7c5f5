"""Keys never stand in logs or answers, whatever a request put them into."""

from __future__ import annotations

import re

# As `shared.jobs.keys` makes them; what is shorter could be guessed and is none.
_KEY = re.compile(r"imp_[A-Za-z0-9_-]{20,}")


def redact(text: str) -> str:
    """Put a word in the place of whatever looks like a key."""
    return _KEY.sub("imp_[redacted]", text)
