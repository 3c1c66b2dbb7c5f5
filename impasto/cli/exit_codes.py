"""Exit codes that no error has, and the lines that explain an error."""

from __future__ import annotations

from impasto.errors import ApiError, ImpastoError

OK = 0
ERROR = 1
DIFFERENT = 9  # a picture that was made again has other bytes
INTERRUPTED = 130


def error_lines(error: ImpastoError) -> list[str]:
    """Return the lines that explain an error: problem, invalid values, next step."""
    lines = [f"error: {error}"]
    if isinstance(error, ApiError):
        fields = (f"{field.pointer}: {field.detail}" for field in error.errors)
        lines += [f"  {line}" for line in fields if line not in str(error)]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return lines
