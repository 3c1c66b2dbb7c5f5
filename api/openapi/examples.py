"""Examples in the OpenAPI document; a test checks that they are what they show.

Examples of bodies and answers, by the names of their models in the document.

Of what has none of its own; a page of them follows by itself. A test checks each.

What a value may look like, by its JSON schema: its example, or one made of parts.
"""

from __future__ import annotations

from typing import Any

from api.job_view.examples import JOB

_AT_more_examples = "2026-01-31T12:00:01Z"
_CHILD = "job_01JD0000000000000000000001"

_LINE: dict[str, Any] = {
    "type": "state",
    "seq": 17,
    "job_id": JOB["id"],
    "at": _AT_more_examples,
    "event": "claim",
    "state": "running",
    "from_state": "queued",
}
_EVENT: dict[str, Any] = {
    "seq": 17,
    "job_id": JOB["id"],
    "at": _AT_more_examples,
    "event": "claim",
    "from_state": "queued",
    "state": "running",
    "fence": 1,
    "detail": None,
}
_POINT: dict[str, Any] = {
    "iteration": 118,
    "scale": 1,
    "total": 3.2,
    "content": 1.1,
    "style": 2.0,
    "tv": 0.1,
}
_LINEAGE_JOB: dict[str, Any] = {
    "id": _CHILD,
    "name": "Lisbon",
    "state": "queued",
    "parent_id": JOB["id"],
    "relation": "fork",
    "iteration": 100,
    "created_at": _AT_more_examples,
    "deleted": False,
    "url": f"/v1/jobs/{_CHILD}",
}
EXAMPLES: dict[str, Any] = {
    "ExplorationRequest": {
        "layers": ["relu3_1"],
        "top_k": 4,
        "name": "What relu3_1 sees",
    },
    "ChangeBody": {"style_weight": 12.0, "tags": ["series-3", "bold"]},
    "CancelBody": {"purge": True},
    "ForkBody": {"from": {"iteration": 100}, "params": {"style_weight": 20.0}},
    "ExtendBody": {"iterations": 100},
    "RetryBody": {"from": "start"},
    "LogPage": {"data": [_LINE], "next_after": 17},
    "Log": {"data": [_EVENT], "next_since": 17},
    "Metrics": {"job_id": JOB["id"], "data": [_POINT]},
    "JobLineage": {"job_id": JOB["id"], "data": [_LINEAGE_JOB], "more": False},
    "Capabilities": {
        "version": "0.1.0",
        "networks": {"vgg16": ["relu1_1", "relu1_2", "relu2_1"]},
        "optimizers": ["lbfgs", "adam", "gd"],
        "qualities": ["draft", "standard", "high"],
        "formats": ["image/jpeg", "image/png", "image/tiff", "image/webp"],
        "result_formats": {"png": "image/png", "jpeg": "image/jpeg"},
        "devices": [
            {
                "device": "cuda",
                "name": "NVIDIA L4",
                "memory_bytes": 23_034_068_992,
                "workers": 2,
                "versions": {"impasto": "0.1.0", "torch": "2.13.0"},
            }
        ],
        "limits": {"max_upload_bytes": 33_554_432, "max_json_bytes": 262_144},
        "credits": [{"what": "Impasto", "license": "Apache-2.0"}],
    },
    "Entry": {
        "object": "api",
        "version": "0.1.0",
        "urls": {
            "self": "/v1",
            "jobs": "/v1/jobs",
            "assets": "/v1/assets",
            "estimates": "/v1/estimates",
            "explorations": "/v1/explorations",
            "events": "/v1/events",
            "queue": "/v1/queue",
            "capabilities": "/v1/capabilities",
            "me": "/v1/me",
            "keys": "/v1/keys",
            "openapi": "/openapi.json",
            "docs": "/docs",
            "problems": "/problems/",
        },
    },
    "Readiness": {
        "status": "ready",
        "checks": {"database": "ok", "redis": "ok", "storage": "ok"},
    },
}

_PREFIX = "#/components/schemas/"
_PLAIN: dict[str, Any] = {
    "string": "...",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}


def resolve_reference(
    schemas: dict[str, Any], schema: dict[str, Any]
) -> dict[str, Any]:
    """Follow a reference; what stands beside it counts more."""
    while "$ref" in schema:
        named = schemas[schema["$ref"].removeprefix(_PREFIX)]
        schema = {**named, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def make_sample(schemas: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return a value that is valid by `schema`.

    Args:
        schemas: All that may be referred to, by name.
        schema: Of what. It does not refer to itself, however deep: models of answers
            do not.
    """
    schema = resolve_reference(schemas, schema)
    if "example" in schema:
        return _order_members(schemas, schema, schema["example"])
    for name in ("examples", "enum"):
        if schema.get(name):
            return _order_members(schemas, schema, schema[name][0])
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    options = schema.get("anyOf", schema.get("oneOf"))
    if options:
        is_nullable = {"type": "null"} in options
        return None if is_nullable else make_sample(schemas, options[0])
    return _sample_of_type(schemas, schema)


def _sample_of_type(schemas: dict[str, Any], schema: dict[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "object":
        inner = schema.get("properties", {})
        return {name: make_sample(schemas, each) for name, each in inner.items()}
    if kind == "array":
        return [make_sample(schemas, schema.get("items", {}))]
    return _PLAIN.get(str(kind))


def _order_members(schemas: dict[str, Any], schema: dict[str, Any], value: Any) -> Any:
    """Put the members of an example in the order of the schema; pydantic sorts them."""
    schema = resolve_reference(schemas, schema)
    if isinstance(value, list):
        return [_order_members(schemas, schema.get("items", {}), one) for one in value]
    if not isinstance(value, dict):
        return value
    options = [resolve_reference(schemas, one) for one in schema.get("anyOf", ())]
    known = next((one for one in [schema, *options] if "properties" in one), {})
    inner = known.get("properties", {})
    ordered = sorted(value, key=[*inner, *value].index)
    return {
        name: _order_members(schemas, inner.get(name, {}), value[name])
        for name in ordered
    }
