"""Pictures in JSON that are not named by their asset: what to do instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PLACE = re.compile(r"/(content|init_image|styles/\d{1,9}/(?:image|mask|region))(/|$)")
_UPLOAD = 'POST /v1/assets takes the file; then name it as {"asset_id": "<its id>"}'
# How it is written, and what is said of that.
_WRITTEN = (
    (r"https?:", "url-not-allowed", "is fetched by nobody: {upload}"),
    (r"data:", "data-url", "is not taken as text: {upload}"),
    (r"ast_\w{1,60}$", "asset-id", 'write it as {{"asset_id": "{ref}"}}'),
    (r"", "asset-id", "is no picture: {upload}"),
)


def explained(
    errors: Iterable[FieldError], said: Mapping[str, Any]
) -> list[FieldError]:
    """Put one error that helps in the place of those about how a picture is written."""
    found: dict[str, FieldError] = {}
    for one in errors:
        place = _PLACE.match(one.pointer)
        better = _better(f"/{place[1]}", said) if place else None
        told = better or one
        found.setdefault(f"{told.pointer} {told.code}", told)
    return list(found.values())


def _better(pointer: str, said: Mapping[str, Any]) -> FieldError | None:
    """Say what to do about a picture that is text, or an address; None: it is not."""
    ref = _at(pointer, said)
    if isinstance(ref, dict) and "url" in ref:
        ref = "https:"
    if not isinstance(ref, str):
        return None
    told = next(told for pattern, *told in _WRITTEN if re.match(pattern, ref))
    code, detail = told
    return FieldError(pointer, code, detail.format(ref=ref, upload=_UPLOAD))


def _at(pointer: str, said: Mapping[str, Any]) -> object:
    """What a body has there."""
    value: object = said
    for step in pointer[1:].split("/"):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
