"""What all expected errors have."""

from __future__ import annotations

from typing import ClassVar


class ImpastoError(Exception):
    """Base of all expected errors; anything else is a bug.

    Attributes:
        code: Stable machine-readable name, part of the public API. Errors of a
            request are hyphenated, errors kept on a job use underscores.
        retryable: Whether the same thing could succeed later without a change.
        hint: What a person can do about it; empty when there is nothing to add.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint
