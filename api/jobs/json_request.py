"""Pictures in JSON that are not named by their asset: what to do instead.

From JSON to the parameters of a job whose pictures were sent before.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.http.json_body import json_object
from api.http.validation import clean_name, field_errors, sound
from api.job_view.schemas import PRIORITIES
from api.jobs.options import JobOptions, deadline, distinct, read_segments
from api.jobs.request_schemas import JobJson, OptionsBody
from shared.errors import FieldError, MalformedJson
from shared.params.style import MAX_STYLES, StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from werkzeug.wrappers import Request

    from shared.params.segments import Segment

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


_OPTIONS = frozenset(OptionsBody.model_fields)
# Of a style: field -> (role, whether it must be there).
_STYLE_ROLES = {
    "image": ("style", True),
    "mask": ("mask", False),
    "region": ("region", False),
}
_HOW = 'as {"asset_id": "..."}: POST /v1/assets takes the file'


@dataclass(frozen=True, slots=True)
class Ref:
    """A picture that a body names, and where it stands there."""

    role: str
    position: int
    asset_id: str
    pointer: str


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """What a body says, and all that is wrong with it so far.

    Attributes:
        params: None where they are wrong.
        refs: Its pictures, as far as they are named.
        errors: To which those of the pictures come.
    """

    params: StyleParams | None
    refs: list[Ref]
    name: str | None
    segments: tuple[Segment, ...]
    options: JobOptions
    errors: list[FieldError]


def stored_request(request: Request, now: Callable[[], float]) -> StoredRequest:
    """Read a job in JSON; `now` is the time of the database, seconds.

    Raises:
        UnsupportedMediaType: The body is no JSON.
        MalformedJson: It is not strict JSON, or no object.
    """
    said = json_object(request)
    errors: list[FieldError] = []
    told = {name: said.pop(name) for name in _OPTIONS & said.keys()}
    planned = said.pop("segments", [])
    if not isinstance(planned, list):
        raise MalformedJson("segments: must be a JSON array")
    said, inner = _merged(said, errors)
    here: list[FieldError] = []
    params = _params(said, here)
    refs = list(_refs(said, here))
    here = explained(here, said)
    errors += [replace(one, pointer=_placed(one.pointer, inner)) for one in here]
    refs = [replace(one, pointer=_placed(one.pointer, inner)) for one in refs]
    segments = read_segments(json.dumps(planned), params, errors)
    name, options = _about(told, now, errors)
    return StoredRequest(params, refs, name, segments, options, errors)


def _merged(
    said: dict[str, Any], errors: list[FieldError]
) -> tuple[dict[str, Any], AbstractSet[str]]:
    """Put parameters of both places together; name those that stood in `params`."""
    inner = said.pop("params", None) or {}
    if not isinstance(inner, dict):
        errors.append(FieldError("/params", "dict-type", "must be an object"))
        inner = {}
    errors.extend(
        FieldError(f"/params/{name}", "repeated", "is given twice")
        for name in inner.keys() & said.keys()
    )
    return {**inner, **said}, inner.keys() - said.keys()


def _placed(pointer: str, inner: AbstractSet[str]) -> str:
    """Point to where the body has it."""
    _, first, *_ = pointer.split("/")
    return f"/params{pointer}" if first in inner else pointer


def _params(said: dict[str, Any], errors: list[FieldError]) -> StyleParams | None:
    try:
        # Strict: "512" and true are no numbers.
        return StyleParams.model_validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, JobJson))
        return None


def _refs(said: dict[str, Any], errors: list[FieldError]) -> Iterator[Ref]:
    """Name each picture; one that must be there and is not goes to `errors`."""
    yield from _ref(said, "content", "content", 0, errors)
    styles = said.get("styles")
    if not isinstance(styles, list):
        detail = f"the paintings are missing; each image {_HOW}"
        errors.append(FieldError("/styles", "missing", detail))
        styles = []
    for position, style in enumerate(styles[:MAX_STYLES]):
        for field, (role, is_needed) in _STYLE_ROLES.items():
            inner = style if isinstance(style, dict) else {}
            if is_needed or inner.get(field) is not None:
                where = f"styles/{position}/{field}"
                yield from _ref(
                    {where: inner.get(field)}, where, role, position, errors
                )
    if said.get("init") == "image":
        yield from _ref(said, "init_image", "init_image", 0, errors)


def _ref(
    said: dict[str, Any], name: str, role: str, position: int, errors: list[FieldError]
) -> Iterator[Ref]:
    ref = said.get(name)
    if ref is None:
        errors.append(FieldError(f"/{name}", "missing", f"is missing; send it {_HOW}"))
    elif isinstance(ref, dict) and isinstance(ref.get("asset_id"), str):
        yield Ref(role, position, ref["asset_id"], f"/{name}/asset_id")


def _about(
    told: dict[str, Any], now: Callable[[], float], errors: list[FieldError]
) -> tuple[str | None, JobOptions]:
    try:
        body = OptionsBody.model_validate_json(json.dumps(told), strict=True)
    except ValidationError as error:
        wrong = field_errors(error, OptionsBody)
        errors.extend(wrong)
        body = OptionsBody.model_validate_json(json.dumps(sound(told, wrong)))
    name = clean_name(body.name or "", errors)
    options = JobOptions(
        priority=PRIORITIES[body.priority],
        max_attempts=body.max_attempts,
        keep_every=body.keep_every,
        start_deadline=deadline("start_deadline", body.start_deadline, now, errors),
        cancel_after=deadline("cancel_after", body.cancel_after, now, errors),
        tags=distinct(body.tags),
        user_metadata=dict(body.metadata),
        reuse=body.reuse,
    )
    return name, options
