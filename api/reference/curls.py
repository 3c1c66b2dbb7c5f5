"""Each operation as a curl command that works as it stands, after `beginning`."""

from __future__ import annotations

import json
from typing import Any

from api.job_view.examples import ASSET, NEW_JOB
from api.openapi.examples import make_sample
from api.reference.models import name_of

_AUTH = '-H "Authorization: Bearer $KEY"'
_VARIABLES = {
    "job_id": "$JOB",
    "asset_id": "$PHOTO",
    "sha256": "$SHA256",
    "iteration": "$ITERATION",
    "key_id": "$KEY_ID",
    "name": "$NAME",
}
_IDS = {
    ASSET["id"]: "$PHOTO",
    NEW_JOB["styles"][0]["image"]["asset_id"]: "$PAINTING",
}
_FORMS = {
    "JobForm": (
        "content=@photo.jpg",
        "style=@painting.jpg",
        """'params={"max_edge": 512}'""",
        "name=Lisbon",
    ),
    "AssetForm": ("file=@photo.jpg", "purpose=content"),
    "ExplorationForm": ("""'params={"layers": ["relu3_1"], "top_k": 4}'""",),
}
_STREAM = ("-N", "-H 'Accept: text/event-stream'")
_WORDS: dict[str, tuple[str, ...]] = {
    "show_job_events": _STREAM,
    "show_events": _STREAM,
    "change_job": ("-H 'If-Match: *'",),
}


def curl_prefix(url: str, *, with_keys: bool) -> str:
    """Return the commands that set the variables of all others, in order."""
    auth = f" {_AUTH}" if with_keys else ""
    lines = [
        f"URL={url}",
        *(["KEY=imp_...                # yours"] if with_keys else []),
        r"""id() { sed 's/^{"id":"\([^"]*\)".*/\1/'; }   # of what is answered""",
        f'PHOTO=$(curl -sS{auth} -F file=@photo.jpg "$URL/v1/assets" | id)',
        f'PAINTING=$(curl -sS{auth} -F file=@painting.jpg "$URL/v1/assets" | id)',
        f"JOB=$(curl -sS{auth} -F content=@photo.jpg -F style=@painting.jpg \\",
        '    "$URL/v1/jobs" | id)',
        "SHA256=$(sha256sum photo.jpg | cut -d ' ' -f 1)   # or shasum -a 256",
        "ITERATION=100 NAME=relu3_1.png KEY_ID=key_...     # as other answers tell",
    ]
    return "\n".join(lines)


def make_curls(
    schemas: dict[str, Any],
    path: str,
    method: str,
    operation: dict[str, Any],
    *,
    with_keys: bool,
) -> list[str]:
    """Write a command for each kind of body; one if there is none."""
    words = ["curl -sS"]
    content = operation.get("requestBody", {}).get("content", {})
    if method not in {"get", "post"} or (method == "post" and not content):
        words.append(f"-X {method.upper()}")
    if with_keys and path.startswith("/v1/"):
        words.append(_AUTH)
    words += _WORDS.get(operation["operationId"], ())
    words += _into_file(operation)
    end = f'"$URL{_filled(path)}"'
    if not content:
        return [_folded([*words, end])]
    by_model = {name_of(media): (kind, media) for kind, media in content.items()}
    return [
        _with_body(schemas, words, end, kind, media)
        for kind, media in by_model.values()
    ]


def _with_body(
    schemas: dict[str, Any],
    words: list[str],
    end: str,
    kind: str,
    media: dict[str, Any],
) -> str:
    form = _FORMS.get(name_of(media))
    if form is not None:
        return _folded([*words, *(f"-F {part}" for part in form), end])
    value = make_sample(schemas, media["schema"])
    text = json.dumps(value)
    if any(known in text for known in _IDS):
        members = (f" {json.dumps(name)}: {json.dumps(value[name])}" for name in value)
        text = "{\n" + ",\n".join(members) + "\n}"
    for known, variable in _IDS.items():
        text = text.replace(known, variable)
    words = [*words, f"-H 'Content-Type: {kind}'"]
    if "$" not in text:
        return _folded([*words, f"-d '{text}'", end])
    return _folded([*words, "-d @-", end]) + f" <<END\n{text}\nEND"


def _filled(path: str) -> str:
    for name, variable in _VARIABLES.items():
        path = path.replace(f"{{{name}}}", variable)
    return path


def _into_file(operation: dict[str, Any]) -> list[str]:
    """Where bytes go that no terminal should get."""
    content = operation["responses"].get("200", {}).get("content", {})
    kind = next(iter(content), "")
    if not kind.startswith(("image/", "*/")):
        return []
    return ["-o picture.png" if kind == "image/png" else "-o picture"]


def _folded(words: list[str]) -> str:
    """One line if it is short, else a line for every few words."""
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) > 84:  # noqa: PLR2004 - columns of the page
            lines.append(line)
            line = f"    {word}"
        else:
            line = f"{line} {word}"
    return " \\\n".join([*lines, line])
