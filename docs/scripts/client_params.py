"""`python -m docs.scripts.client_params`: write impasto/client/params.py from models.

The client does not import the server's code, so its types are generated from the models
with which the server validates.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.assets.views import AssetsQuery
from api.jobs.filters import JobsQuery
from api.jobs.request_schemas import ChangeBody, StyleJobOptions
from api.keys.schemas import KeyBody
from shared.params.explore import ExploreParams
from shared.params.segments import Segment
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

PATH = Path(__file__).parents[2] / "impasto" / "client" / "params.py"
COMMAND = "python -m docs.scripts.client_params"

_HEAD = f'''\
"""Arguments of the client that the server defines, and their allowed values.

`{COMMAND}` writes this module from the server's models;
a test fails if they differ. docs/parameters.md describes the parameters.
"""

from __future__ import annotations

# Not for type checkers alone: `typing.get_type_hints` needs the names.
from collections.abc import Mapping, Sequence  # noqa: TC003
from typing import Literal, TypedDict
'''
_PICTURES = {"content", "styles", "init_image", "content_labels"}
_OWN_ARGUMENTS = {"name", "tags", "metadata"}
_PAGING = {"limit", "cursor", "count", "fields"}

# Name of the type, model, fields that the client takes in another way, docstring.
_TYPES: tuple[tuple[str, type[BaseModel], set[str], str], ...] = (
    ("Segment", Segment, set(), "Changes that hold after an iteration."),
    ("StyleParams", StyleParams, _PICTURES, "Parameters of a style transfer."),
    ("ExploreParams", ExploreParams, set(), "Parameters of an exploration."),
    ("JobOptions", StyleJobOptions, _OWN_ARGUMENTS, "Options of a new job."),
    ("JobChanges", ChangeBody, set(), "Changes of a job; None removes a value."),
    ("JobFilters", JobsQuery, _PAGING, "Filters of the list of jobs."),
    ("AssetFilters", AssetsQuery, _PAGING, "Filters of the list of assets."),
    ("KeyOptions", KeyBody, {"name"}, "Options of a new API key."),
)
# Field, in the singular if it is a list, and its allowed texts.
_CHOICES = re.compile(
    r'^    (\w+?)(?:s?: Sequence\[|: )(Literal\["[^]]*])', re.MULTILINE
)
_PLAIN = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool",
    "null": "None",
}  # fmt: skip


def text() -> str:
    """Return the text of the module."""
    blocks: dict[str, str] = {}
    for name, model, omitted, docstring in _TYPES:
        schema = model.model_json_schema()
        for part, definition in schema.get("$defs", {}).items():
            if "properties" in definition and part in _referenced(schema, omitted):
                doc = definition["description"].partition("\n")[0]
                blocks.setdefault(part, _typed_dict(part, definition, set(), doc))
        blocks[name] = _typed_dict(name, schema, omitted, docstring)
    return _HEAD + _name_choices("\n\n\n".join(blocks.values())) + "\n"


def _name_choices(types: str) -> str:
    """Give each set of allowed texts the name of the first field that has it."""
    names: dict[str, str] = {}
    for field, choices in _CHOICES.findall(types):
        names.setdefault(choices, field.title().replace("_", ""))
    if len(set(names.values())) < len(names):
        raise ValueError(f"two sets of values have one name: {names}")
    for choices, name in names.items():
        types = types.replace(choices, name)
    return (
        "\n".join(f"{name} = {choices}" for choices, name in names.items())
        + f"\n\n{types}"
    )


def _referenced(schema: dict[str, Any], omitted: set[str]) -> set[str]:
    """Return the definitions that the fields refer to, also by others."""
    fields = [
        field for name, field in schema["properties"].items() if name not in omitted
    ]
    names, waiting = set(), list(_references(fields))
    while waiting:
        if (name := waiting.pop()) not in names:
            names.add(name)
            waiting += _references(schema["$defs"][name])
    return names


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def _typed_dict(
    name: str, schema: dict[str, Any], omitted: set[str], docstring: str
) -> str:
    fields = {
        field: _type(part, schema.get("$defs", {}))
        for field, part in schema["properties"].items()
        if field not in omitted
    }
    total = "" if set(schema.get("required", ())) == set(fields) else ", total=False"
    lines = [f"class {name}(TypedDict{total}):", f'    """{docstring}"""', ""]
    return "\n".join(lines + [f"    {key}: {text}" for key, text in fields.items()])


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        is_object = "properties" in definitions.get(name, {"properties": ()})
        return name if is_object else _type(definitions[name], definitions)
    if "enum" in schema:
        return f"Literal[{', '.join(map(json.dumps, schema['enum']))}]"
    if "anyOf" in schema:
        parts = [_type(part, definitions) for part in schema["anyOf"]]
        return " | ".join(dict.fromkeys(parts))
    return _PLAIN.get(schema["type"]) or _container(schema, definitions)


def _container(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        parts = [_type(part, definitions) for part in schema["prefixItems"]]
        return f"tuple[{', '.join(parts)}]"
    if schema["type"] == "array":
        return f"Sequence[{_type(schema['items'], definitions)}]"
    values = schema.get("additionalProperties") or next(
        iter(schema["patternProperties"].values())  # where names have a pattern
    )
    return f"Mapping[str, {_type(values, definitions)}]"


if __name__ == "__main__":
    PATH.write_text(text())
    sys.stdout.write(f"wrote {PATH}; ruff format lays it out\n")
