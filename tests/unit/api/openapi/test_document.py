"""The OpenAPI document: its structure is right, and it tells the truth."""

from __future__ import annotations

import json
import re

import pytest
from openapi_schema_validator import OAS31Validator
from pydantic import TypeAdapter

from api.app import openapi_document
from api.assets.schemas import AssetObject, FrameObject
from api.estimates import Estimate
from api.http.problems import Problem
from api.job_view.schemas import (
    ExploreParamsOfJob,
    JobObject,
    JobPage,
    StyleParamsOfJob,
)
from api.jobs.history import Manifest
from api.jobs.request_schemas import JobRequest
from api.queue import Queue
from shared.params.explore import ExploreParams
from shared.params.segments import Changes
from shared.params.style import StyleParams


@pytest.fixture(scope="module")
def document():
    return openapi_document()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def answers(document, operation):
    """Statuses and what is said of them, also where it is said once for all."""
    shared = document["components"]["responses"]
    for status, answer in operation["responses"].items():
        name = answer.get("$ref", "").removeprefix("#/components/responses/")
        yield status, shared[name] if name else answer


def nodes(value):
    yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_every_operation_has_a_summary(document):
    assert all(operation["summary"] for _, _, operation in operations(document))


def test_no_word_of_openapi_3_0_is_left(document):
    for node in nodes(document):
        if isinstance(node, dict):
            assert "nullable" not in node


def test_every_route_for_machines_is_documented(api, document):
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in api.app.url_map.iter_rules()
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
        if rule.rule.startswith(("/v1", "/livez", "/readyz", "/metrics"))
    }

    assert routes == {(path, method) for path, method, _ in operations(document)}


def test_every_operation_documents_its_problems(document):
    for _, _, operation in operations(document):
        problems = [
            answer for status, answer in answers(document, operation) if status >= "4"
        ]
        assert problems
        assert all(
            "application/problem+json" in answer["content"] for answer in problems
        )


def test_every_operation_that_wants_a_key_says_what_comes_without(document):
    for path, _, operation in operations(document):
        assert "403" in operation["responses"]
        assert ("401" in operation["responses"]) is path.startswith("/v1/")


def test_the_form_is_described_with_the_parameters_of_the_engine(document):
    schemas = document["components"]["schemas"]

    assert set(schemas["StyleParams"]["properties"]) == set(StyleParams.model_fields)
    assert set(schemas["JobForm"]["required"]) == {"content", "style"}
    assert set(schemas["Changes"]["properties"]) == set(Changes.model_fields)
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"] == {
        "$ref": "#/components/schemas/JobForm"
    }


def test_examples_are_what_they_are_examples_of(document):
    schemas = document["components"]["schemas"]
    models = {
        model.__name__: model
        for model in (
            AssetObject,
            JobRequest,
            Problem,
            FrameObject,
            Manifest,
            JobObject,
            Estimate,
            Queue,
        )
    }

    for name, model in models.items():
        TypeAdapter(model).validate_python(schemas[name]["examples"][0])


def test_what_is_answered_is_what_is_documented(api):
    job = api.submit().json

    assert set(job) == set(JobObject.model_fields)
    TypeAdapter(JobObject).validate_python(job)
    TypeAdapter(JobPage).validate_python(api.client.get("/v1/jobs").json)
    problem = api.submit([]).json
    assert set(problem) <= set(Problem.model_fields)
    TypeAdapter(Problem).validate_python(problem)


def test_no_two_models_share_a_name(api):
    """The document would show one in the place of the other."""
    lines = {"/v1/events": "LogLine", "/v1/jobs/{job_id}/logs": "LoggedEvent"}
    schemas = api.client.get("/openapi.json").json["components"]["schemas"]

    assert "from_state" not in schemas[lines["/v1/events"]].get("required", [])
    assert "fence" in schemas[lines["/v1/jobs/{job_id}/logs"]]["required"]


def test_bounds_are_exact_beyond_what_a_float_holds(document):
    bounds = {
        node[name]
        for node in nodes(document)
        if isinstance(node, dict)
        for name in ("minimum", "maximum", "exclusiveMaximum")
        if isinstance(node.get(name), int | float)
    }

    assert 2**63 in bounds
    assert all(isinstance(bound, int) for bound in bounds if bound > 2**53)


def test_what_was_just_made_links_to_all_that_can_be_asked_of_it(document):
    made = document["paths"]["/v1/explorations"]["post"]["responses"]["202"]
    names = {operation["operationId"] for _, _, operation in operations(document)}
    asked = {
        operation["operationId"]
        for path, _, operation in operations(document)
        if re.fullmatch(r"/v1/jobs/{job_id}(/\w+)?(/latest)?", path)
    }

    assert set(made["links"]) == asked
    assert asked <= names
    parameters = {tuple(link["parameters"].items()) for link in made["links"].values()}
    assert parameters == {(("job_id", "$response.body#/id"),)}


def test_what_a_form_or_an_address_holds_is_never_null(document):
    forms = [schema for name, schema in document["components"]["schemas"].items()
             if name.endswith("Form")]  # fmt: skip
    values = [each for form in forms for each in form["properties"].values()]
    for _, _, operation in operations(document):
        values += [p["schema"] for p in operation.get("parameters", []) if "in" in p]

    assert len(forms) == 3
    assert {"type": "null"} not in [
        option for value in values for option in value.get("anyOf", [])
    ]


def test_null_in_a_change_or_a_fork_is_refused_where_the_document_says(api, document):
    schemas = document["components"]["schemas"]
    taken = set()
    for name in schemas["ChangeBody"]["properties"]:
        answer = api.client.patch(
            f"/v1/jobs/{api.submitted()}", json={name: None}, headers={"If-Match": "*"}
        )
        schema = {**document, "$ref": "#/components/schemas/ChangeBody"}
        is_valid = OAS31Validator(schema).is_valid({name: None})
        assert answer.status_code == (200 if is_valid else 422), name
        taken |= {name} if is_valid else set()
    assert taken == {"name", "cancel_after"}
    for name, value in schemas["ForkChanges"]["properties"].items():
        assert {"type": "null"} not in value.get("anyOf", []), name


def test_metadata_is_valid_as_the_document_says(api, document):
    schema = document["components"]["schemas"]["JobRequest"]["properties"]["metadata"]
    for metadata in ({"order": "42"}, {"a\x01": "b"}, {"": "b"}, {"a": 1}):
        answer = api.submit(metadata=json.dumps(metadata))
        is_valid = OAS31Validator(schema).is_valid(metadata)
        assert answer.status_code == (202 if is_valid else 422), metadata


@pytest.mark.parametrize("params", [StyleParams(), ExploreParams()])
def test_parameters_are_valid_as_those_of_their_kind_alone(document, params):
    sent = params.model_dump(mode="json")
    for name in ("JobObject", "Manifest"):
        described = document["components"]["schemas"][name]["properties"]["params"]
        fitting = [
            each["$ref"].rpartition("/")[2]
            for each in described["anyOf"]
            if OAS31Validator({**document, **each}).is_valid(sent)
        ]
        assert fitting == [f"{type(params).__name__}OfJob"]


@pytest.mark.parametrize("model", [StyleParamsOfJob, ExploreParamsOfJob])
def test_parameters_of_jobs_are_chosen_by_a_member_that_no_other_kind_has(model):
    """Generators do not look at `additionalProperties`, only at `required`."""
    required = {*model.model_json_schema()["required"]}
    (other,) = {StyleParams, ExploreParams} - {*model.__bases__}

    assert required
    assert not required & {*other.model_fields}


def test_arrays_say_what_they_hold(document):
    arrays = [
        node
        for node in nodes(document)
        if isinstance(node, dict) and node.get("type") == "array"
    ]

    assert any("prefixItems" in array for array in arrays)
    assert all("items" in array for array in arrays)


def test_bodies_name_their_limits(client, document):
    limits = client.get("/v1/capabilities").json["limits"]
    for _, _, operation in operations(document):
        body = operation.get("requestBody")
        if body:
            named = set(re.findall(r"`(\w+)`", body["description"]))
            assert named <= set(limits)
            has_files = "multipart/form-data" in body["content"]
            assert ("max_upload_bytes" in named) is has_files
            assert "max_json_bytes" in named


@pytest.mark.parametrize(
    ("key", "is_taken"),
    [("a b", True), ("~" * 255, True), ("~" * 256, False), (" ", False), ("é", False)],
)
def test_keys_are_taken_as_the_document_says(api, document, key, is_taken):
    schema = document["components"]["parameters"]["Idempotency-Key"]["schema"]

    answer = api.submit(headers={"Idempotency-Key": key.strip()})  # as HTTP sends it

    assert OAS31Validator(schema).is_valid(key) is is_taken
    assert answer.status_code == (202 if is_taken else 400)


def test_every_code_of_a_problem_has_a_page(client, document):
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]

    assert {"validation", "internal", "method-not-allowed"} <= set(codes)
    for code in codes:
        assert client.get(f"/problems/{code}").status_code == 200


@pytest.mark.parametrize("path", ["logs?format=text", "metrics?format=csv"])
def test_every_kind_of_answer_is_documented(api, document, path):
    told = api.client.get(f"/v1/jobs/{api.submitted()}/{path}").mimetype

    name = path.partition("?")[0]
    described = document["paths"][f"/v1/jobs/{{job_id}}/{name}"]["get"]["responses"]
    assert set(described["200"]["content"]) == {"application/json", told}


def test_whatever_is_asked_of_a_deleted_job_is_documented_as_gone(api, document):
    job_id = api.submitted()
    api.client.post(f"/v1/jobs/{job_id}/cancel")
    assert api.client.delete(f"/v1/jobs/{job_id}").status_code == 204

    for path, method, operation in operations(document):
        if "{job_id}" in path:
            at = path.format(job_id=job_id, iteration=1, name="a.png")
            answer = api.client.open(at, method=method.upper(), json={})
            assert answer.status_code == 410, (method, path, answer.text)
            assert "410" in operation["responses"], (method, path)
