"""Exit codes without an error class, and the lines that explain an error."""

from __future__ import annotations

from impasto.cli.hints import describe_field, shell_hint
from impasto.errors import ApiError, ImpastoError

OK = 0
ERROR = 1
DIFFERENT = 9  # a reproduced picture has other bytes
INTERRUPTED = 130


def error_lines(error: ImpastoError, command: str | None = None) -> list[str]:
    """Return the lines that explain an error: problem, invalid values, next step."""
    lines = [f"error: {error}"]
    if isinstance(error, ApiError) and error.errors:
        lines = ["error: invalid values"]
        lines += [f"  {describe_field(field, command)}" for field in error.errors]
    if hint := shell_hint(error):
        lines.append(f"hint: {hint}")
    return lines
