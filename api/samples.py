"""What a value may look like, by its JSON schema: its example, or one made of parts."""

from __future__ import annotations

from typing import Any

_PREFIX = "#/components/schemas/"
_PLAIN: dict[str, Any] = {
    "string": "...",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}


def resolved(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference; what stands beside it counts more."""
    while "$ref" in schema:
        named = schemas[schema["$ref"].removeprefix(_PREFIX)]
        schema = {**named, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def sample(schemas: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return a value that is valid by `schema`.

    Args:
        schemas: All that may be referred to, by name.
        schema: Of what. It does not refer to itself, however deep: models of answers
            do not.
    """
    schema = resolved(schemas, schema)
    if "example" in schema:
        return _in_order(schemas, schema, schema["example"])
    for name in ("examples", "enum"):
        if schema.get(name):
            return _in_order(schemas, schema, schema[name][0])
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    options = schema.get("anyOf", schema.get("oneOf"))
    if options:
        is_nullable = {"type": "null"} in options
        return None if is_nullable else sample(schemas, options[0])
    return _of_type(schemas, schema)


def _of_type(schemas: dict[str, Any], schema: dict[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "object":
        inner = schema.get("properties", {})
        return {name: sample(schemas, each) for name, each in inner.items()}
    if kind == "array":
        return [sample(schemas, schema.get("items", {}))]
    return _PLAIN.get(str(kind))


def _in_order(schemas: dict[str, Any], schema: dict[str, Any], value: Any) -> Any:
    """Put the members of an example in the order of the schema; pydantic sorts them."""
    schema = resolved(schemas, schema)
    if isinstance(value, list):
        return [_in_order(schemas, schema.get("items", {}), one) for one in value]
    if not isinstance(value, dict):
        return value
    options = [resolved(schemas, one) for one in schema.get("anyOf", ())]
    known = next((one for one in [schema, *options] if "properties" in one), {})
    inner = known.get("properties", {})
    ordered = sorted(value, key=[*inner, *value].index)
    return {
        name: _in_order(schemas, inner.get(name, {}), value[name]) for name in ordered
    }
