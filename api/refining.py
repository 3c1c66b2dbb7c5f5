"""What flask-openapi leaves out of the OpenAPI document: exact bounds, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_ID_OF = {
    "#/components/schemas/JobObject": "job_id",
    "#/components/schemas/AssetObject": "asset_id",
    "#/components/schemas/NewKeyObject": "key_id",
}


def refined(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with exact bounds and links; it is changed in place.

    Bounds that are whole are written so: as floats, those beyond 2**53 would be off.
    Links tell programs which operations take the id of what one has just made.
    """
    _write_whole(document)
    for operation in _operations(document, "post"):
        for status in ("200", "201", "202"):
            answer = operation["responses"].get(status)
            named = _ID_OF.get(_schema_of(answer or {}))
            if named is not None:
                answer["links"] = _links_with(document, named)
    return document


def _write_whole(node: object) -> None:
    if isinstance(node, list):
        for one in node:
            _write_whole(one)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _BOUNDS and isinstance(value, float) and value.is_integer():
                node[name] = int(value)
            else:
                _write_whole(value)


def _operations(document: dict[str, Any], method: str) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        if method in item:
            yield item[method]


def _schema_of(answer: dict[str, Any]) -> str:
    content = answer.get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", ""))


def _links_with(document: dict[str, Any], named: str) -> dict[str, Any]:
    """Links to every operation whose path takes this id, and no other parameter."""
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {named: "$response.body#/id"},
        }
        for path, item in document["paths"].items()
        if re.findall(r"{(\w+)}", path) == [named]
        for operation in item.values()
    }
