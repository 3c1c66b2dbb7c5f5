"""The page /docs shows all of the OpenAPI document, in words."""

from __future__ import annotations

from itertools import chain

import pytest
from api.openapi.examples import make_sample
from api.reference.fields import describe_members
from api.reference.kinds import describe_type
from api.reference.models import list_models
from api.reference.operations import list_topics
from api.reference.prose import prose

from api.app import openapi_document
from tests.unit.api.web.test_pages import Page


@pytest.fixture(scope="module")
def document():
    return openapi_document()


@pytest.fixture(scope="module")
def operations(document):
    topics = list_topics(document, with_keys=False)
    return {each.id: each for topic in topics for each in topic.operations}


def names(fields):
    """Names of fields, and of those inside."""
    for field in fields:
        yield field.name
        yield from names(field.inner)


def test_every_operation_is_told_with_all_that_it_takes_and_answers(
    document, operations
):
    for item in document["paths"].values():
        for told in item.values():
            shown = operations[told["operationId"]]
            asked = {each["name"] for each in told.get("parameters", [])}
            assert set(names(chain(*shown.parameters.values()))) == asked
            content = told.get("requestBody", {}).get("content", {})
            kinds = " or ".join(body.kinds for body in shown.bodies)
            assert set(kinds.split(" or ")) - {""} == set(content)
            assert {a.status for a in shown.answers} | set(shown.problems) == set(
                told["responses"]
            )
            assert shown.curls


def test_a_body_is_told_down_to_its_innermost_members(operations):
    as_form, as_json = operations["submit_job"].bodies

    assert {"content", "style", "params", "style_weight", "segments", "tags", "reuse",
            "keep_every", "from_iteration", "mask_0 ... mask_7"} <= set(
        names(as_form.fields))  # fmt: skip
    assert {"styles", "image", "asset_id", "params", "metadata"} <= set(
        names(as_json.fields)
    )
    assert {"top_k", "layers"} <= set(names(operations["explore"].bodies[1].fields))
    assert {"from", "iteration"} <= set(names(operations["fork_job"].bodies[0].fields))
    assert "scopes" in set(names(operations["create_key"].bodies[0].fields))


@pytest.mark.parametrize("auth", ["none", "keys"])
def test_the_page_has_the_words_that_one_looks_for(make_api, auth):
    host = "0.0.0.0" if auth == "keys" else "127.0.0.1"  # noqa: S104 - nothing is bound
    text = make_api(auth=auth, host=host).client.get("/docs").text

    for word in ("reuse", "tags", "keep_every", "segments", "scopes", "top_k", "Range",
                 "multipart/form-data", "application/json", "Last-Event-ID",
                 "Authorization: Bearer", "262,144", "If-None-Match"):  # fmt: skip
        assert word in text
    assert ("Bearer $KEY" in text) is (auth == "keys")


def test_every_place_on_the_page_has_one_address_and_every_link_a_place(client):
    page = Page(client.get("/docs").text)

    assert len(page.ids) == len(set(page.ids))
    inner = {one[1:] for one in page.addresses if one.startswith("#")}
    assert inner <= set(page.ids)
    assert {"submit_job", "show_events", "model-JobObject", "keys"} <= inner


def test_every_model_of_an_answer_is_told_with_an_example(document):
    models = {model.name: model for model in list_models(document)}

    assert {"JobObject", "AssetPage", "Problem", "Estimate"} <= set(models)
    for model in models.values():
        assert model.fields
        assert '"..."' not in model.example, model.name


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 200}, "integer, 1 to 200"),
        ({"type": "number", "exclusiveMinimum": 0}, "number, above 0"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["a", "b"], "type": "string"}, '"a" | "b"'),
        ({"type": "string", "format": "binary"}, "file"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 8},
         "list of string, at most 8 of them"),
        ({"type": "object", "additionalProperties": {"type": "string"}},
         "object of string by name"),
    ],
)  # fmt: skip
def test_schemas_are_put_in_words(schema, words):
    assert describe_type({}, schema) == words


def test_a_default_is_told_where_it_helps():
    members = describe_members(
        {},
        {
            "properties": {
                "a": {"type": "integer", "default": 50},
                "b": {"type": "string", "default": None},
                "c": {"type": "string", "default": "x" * 80},
            },
            "required": ["b"],
        },
    )

    assert [each.default for each in members] == ["50", None, None]
    assert [each.is_required for each in members] == [False, True, False]


def test_an_example_has_its_members_in_the_order_of_the_schema():
    inner = {"properties": {"y": {}, "x": {}}}
    schema = {
        "properties": {"b": {"$ref": "#/components/schemas/Inner"}, "a": {}},
        "example": {"a": 1, "b": {"x": 1, "y": 2}},
    }

    told = make_sample({"Inner": inner}, schema)

    assert str(told) == "{'b': {'y': 2, 'x': 1}, 'a': 1}"


def test_text_cannot_bring_tags_into_the_page():
    assert prose("a `<b>` & <i>") == "a <code>&lt;b&gt;</code> &amp; &lt;i&gt;"
