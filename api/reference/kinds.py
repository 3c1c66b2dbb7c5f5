"""JSON schemas in words: `integer, 1 to 200`, `list of file, 1 to 8`."""

from __future__ import annotations

import json
from typing import Any

from api.openapi.examples import resolve_reference

_FORMATS = {"binary": "file", "date-time": "time (RFC 3339)"}


def describe_type(schemas: dict[str, Any], schema: dict[str, Any]) -> str:
    """Say what values a schema takes, with its bounds."""
    schema = resolve_reference(schemas, schema)
    if options := schema.get("anyOf", schema.get("oneOf")):
        kinds = [describe_type(schemas, one) for one in options]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(json.dumps(value) for value in values)
    return ", ".join(filter(None, (_plain(schemas, schema), _bounds(schema))))


def inner_object(
    schemas: dict[str, Any], schema: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the schema of the object in a value: itself, or what a list holds."""
    schema = resolve_reference(schemas, schema)
    if "properties" in schema:
        return schema
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    options += [schema["items"]] if "items" in schema else []
    found = (inner_object(schemas, one) for one in options)
    return next((one for one in found if one is not None), None)


def _plain(schemas: dict[str, Any], schema: dict[str, Any]) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {describe_type(schemas, schema.get('items', {}))}"
    if "properties" in schema:
        return str(schema.get("title", kind))
    if kind == "object":
        by_name = [*schema.get("patternProperties", {}).values()]
        further = schema.get("additionalProperties")
        by_name += [further] if isinstance(further, dict) else []
        return (
            f"object of {describe_type(schemas, by_name[0])} by name"
            if by_name
            else kind
        )
    return _FORMATS.get(schema.get("format", ""), str(kind))


def _bounds(schema: dict[str, Any]) -> str:
    spans = [
        _span(schema.get("minimum"), schema.get("maximum"), ""),
        _span(schema.get("minLength"), schema.get("maxLength"), " characters"),
        _span(schema.get("minItems"), schema.get("maxItems"), " of them"),
        _span(schema.get("minProperties"), schema.get("maxProperties"), " of them"),
        f"above {schema['exclusiveMinimum']:,}" if "exclusiveMinimum" in schema else "",
        f"below {schema['exclusiveMaximum']:,}" if "exclusiveMaximum" in schema else "",
    ]
    return ", ".join(filter(None, spans))


def _span(least: float | None, most: float | None, unit: str) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f"at least {least:,}{unit}"
    if least is None:
        return f"at most {most:,}{unit}"
    return f"{least:,}{unit}" if least == most else f"{least:,} to {most:,}{unit}"
