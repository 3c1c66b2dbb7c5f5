"""Hints for the shell: those of the API, with commands, options and variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from impasto.errors import ApiError

if TYPE_CHECKING:
    from impasto.errors import FieldError, ImpastoError

_BY_CODE = {
    "unauthenticated": "set IMPASTO_API_KEY; 'impasto keys create' makes a key on the "
    "server's machine",
    "forbidden-scope": "use a key that may do it: IMPASTO_API_KEY",
    "rate-limited": "wait a little; 'impasto watch' asks for less than a loop of yours",
    "no-checkpoint": "--keep-every, given when a job is submitted, keeps more of them",
    "result-not-ready": "'impasto watch ID' waits for it; --frame saves the latest "
    "preview",
    "immutable-field": "'impasto set' changes weights and iterations, 'impasto fork' "
    "begins anew from a checkpoint; for anything else submit a new job",
    "version-mismatch": "the job has changed meanwhile; try again",
}
_ACTION = re.compile(r"POST /v1/jobs/(\w+)/(\w+)")
_KEYS_OF_COMMANDS = {"set": "/", "fork": "/params/"}  # pointers of KEY=VALUE
_OPTIONS_BY_FIELD = {"segments": "steer", "styles": "STYLE", "content": "PHOTO"}


def shell_hint(error: ImpastoError) -> str:
    """Return the next step in a shell after an error; empty if there is none."""
    if not isinstance(error, ApiError):
        return error.hint
    if error.hint.startswith("there will be none"):
        return _ACTION.sub(r"'impasto \2 \1'", error.hint)
    return _BY_CODE.get(error.code, error.hint)


def describe_field(field: FieldError, command: str | None = None) -> str:
    """Return an invalid value with the name of its option, or of its KEY=VALUE.

    `/params/max_edge` becomes `--max-edge`. Values inside an option keep their pointer.
    """
    parts = field.pointer.removeprefix("/params").strip("/").split("/")
    if not parts[0].isidentifier():
        return f"{field.pointer}: {field.detail}"
    keys = _KEYS_OF_COMMANDS.get(command or "")
    is_key = keys is not None and field.pointer.startswith(keys)
    option = _OPTIONS_BY_FIELD.get(parts[0]) or parts[0].replace("_", "-")
    name = option if option.isupper() else f"--{option}"
    place = "".join(f" {part}" for part in parts[1:])
    return f"{parts[0] if is_key else name}{place}: {field.detail}"
