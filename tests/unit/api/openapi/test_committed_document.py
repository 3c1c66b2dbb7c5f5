"""docs/openapi.json is what the code says, is OpenAPI 3.1, and knows every header."""

from __future__ import annotations

import io

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image

from api.app import openapi_document
from docs.scripts.openapi import COMMAND, PATH, text

# Of browsers and of HTTP itself, on every answer: no client acts on them.
UNSAID = {
    "Content-Type", "Content-Length", "Content-Security-Policy", "Vary", "Allow",
    "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy",
    "Cross-Origin-Opener-Policy", "Permissions-Policy", "Cache-Control", "Date",
    "X-Accel-Buffering",
}  # fmt: skip


@pytest.fixture(scope="module")
def document():
    return openapi_document()


@pytest.fixture
def done(api):
    """A job with a frame and a result that is a real picture; its id."""
    job_id, claim = api.submitted(), api.claimed()
    out = io.BytesIO()
    Image.new("RGB", (512, 341)).save(out, "PNG")
    api.frame(claim)
    api.finish(claim, out.getvalue())
    return job_id


def test_the_committed_document_is_that_of_the_code():
    assert PATH.read_text(encoding="utf-8") == text(), f"write it anew: {COMMAND}"


def test_what_is_served_is_what_is_committed(client, document):
    assert client.get("/openapi.json").json == document


def test_the_document_is_valid_openapi_3_1(document):
    wrong = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]

    assert wrong == []


def shown(document):
    """Every example of a schema, with where it is."""
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            yield name, example


def test_every_example_is_valid_by_its_schema(document):
    for name, example in shown(document):
        schema = {**document, "$ref": f"#/components/schemas/{name}"}
        wrong = [each.message for each in OAS31Validator(schema).iter_errors(example)]
        assert wrong == [], name


def test_all_json_has_an_example_or_lists_what_has_one(document):
    have = {name for name, _ in shown(document)}
    for name, schema in document["components"]["schemas"].items():
        items = schema.get("properties", {}).get("data", {}).get("items", {})
        if items.get("$ref", "").rpartition("/")[2] in have:
            have.add(name)
    for item in document["paths"].values():
        for operation in item.values():
            said = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (each.get("content", {}) for each in said):
                media = content.get("application/json", {})
                named = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
                assert not media or named in have, f"{named} has no example"


def test_the_document_has_no_html(document):
    assert "<br" not in text()
    for item in document["paths"].values():
        for operation in item.values():
            assert operation.get("description", "-").strip()


def test_every_parameter_says_what_it_is(document):
    for path, item in document["paths"].items():
        for operation in item.values():
            for each in parameters(document, operation):
                assert each.get("description"), (path, each["name"])


def parameters(document, operation):
    shared = document["components"]["parameters"]
    for each in operation.get("parameters", []):
        name = each.get("$ref", "").removeprefix("#/components/parameters/")
        yield shared[name] if name else each


def asked(document, path, method="get"):
    known = parameters(document, document["paths"][path][method])
    return {each["name"] for each in known if each["in"] == "header"}


def test_headers_that_requests_may_have_are_told_where_they_count(document):
    assert "If-Match" in asked(document, "/v1/jobs/{job_id}", "patch")
    assert {"If-None-Match", "Prefer"} <= asked(document, "/v1/jobs/{job_id}")
    assert {"Prefer", "Idempotency-Key"} <= asked(document, "/v1/jobs", "post")
    assert "Content-Digest" in asked(document, "/v1/assets", "post")
    for path in ("/v1/events", "/v1/jobs/{job_id}/events"):
        assert "Last-Event-ID" in asked(document, path)
    for path in ("result", "outputs/{name}", "frames/{iteration}", "frames/latest"):
        known = document["paths"][f"/v1/jobs/{{job_id}}/{path}"]["get"]["responses"]
        assert {"206", "304", "416"} <= set(known)
        assert {"Range", "If-None-Match"} <= asked(
            document, f"/v1/jobs/{{job_id}}/{path}"
        )


def told(document, path, method, status):
    """The headers of an answer, by the document."""
    operation = document["paths"][path][method.lower()]
    answer = operation["responses"][str(status)]
    name = answer.get("$ref", "").removeprefix("#/components/responses/")
    return set(
        (document["components"]["responses"][name] if name else answer)["headers"]
    )


JOB = "/v1/jobs/{job_id}"
ANSWERS = [
    ("GET", JOB, {}, 200, {"ETag"}),
    ("GET", JOB, {"Prefer": "wait=1"}, 200, set()),  # it is over: nobody waits
    ("GET", f"{JOB}/result", {}, 200, {"ETag", "Accept-Ranges", "Content-Disposition"}),
    ("GET", f"{JOB}/result", {"Range": "bytes=0-9"}, 206, {"Content-Range"}),
    ("GET", f"{JOB}/result", {"Range": "bytes=999999-"}, 416, {"Content-Range"}),
    ("GET", f"{JOB}/frames", {}, 200, {"ETag"}),
    ("GET", f"{JOB}/frames/latest", {}, 200, {"ETag"}),
    ("GET", f"{JOB}/frames/latest", {"Range": "bytes=0-1"}, 206, {"Content-Range"}),
    ("GET", f"{JOB}/frames/{{iteration}}", {"Range": "bytes=9-"}, 416, set()),
    ("GET", f"{JOB}/frames/{{iteration}}/thumb", {}, 200, {"ETag"}),
    ("POST", f"{JOB}/frames/{{iteration}}/promote", {}, 422, set()),
    ("GET", f"{JOB}/metrics", {}, 200, {"ETag"}),
    ("GET", f"{JOB}/logs", {}, 200, set()),
    ("GET", f"{JOB}/manifest", {}, 200, {"ETag"}),
    ("GET", f"{JOB}/tree", {}, 200, {"ETag"}),
    ("GET", f"{JOB}/events", {}, 200, {"Link"}),
    ("POST", f"{JOB}/cancel", {}, 409, set()),
    ("POST", f"{JOB}/extend", {"Idempotency-Key": "e"}, 409, set()),
    ("GET", "/v1/jobs", {}, 200, {"Link"}),
    ("GET", "/v1/assets", {}, 200, {"Link"}),
    ("GET", "/v1/queue", {}, 200, set()),
    ("GET", "/v1/me", {}, 200, set()),
    ("GET", "/v1/capabilities", {}, 200, {"ETag"}),
    ("GET", "/livez", {}, 200, set()),
    ("GET", "/metrics", {}, 200, set()),
]


def test_every_header_of_an_answer_is_documented(api, done, document):
    api.submitted()  # so that there is more than one page of one
    for method, path, headers, status, some in ANSWERS:
        at = path.format(job_id=done, iteration=100)
        at += "?limit=1" if "Link" in some else ""
        body = {"iterations": 5} if "extend" in path else None

        answer = api.client.open(at, method=method, headers=headers, json=body)

        assert answer.status_code == status, (at, answer.text)
        known = told(document, path, method, status)
        sent = set(answer.headers.keys())
        assert some <= sent, at
        assert sent - UNSAID | some <= known, at


def test_a_poll_that_brings_nothing_new_is_documented(api, done, document):
    for path in (JOB, f"{JOB}/result", f"{JOB}/frames", f"{JOB}/frames/latest"):
        at = path.format(job_id=done)
        etag = api.client.get(at).headers["ETag"]
        answer = api.client.get(at, headers={"If-None-Match": etag})
        assert answer.status_code == 304
        assert set(answer.headers.keys()) - UNSAID <= told(document, path, "GET", 304)


def test_headers_of_keys_are_documented(keyed, document):
    wrong = keyed.client.get("/v1/me")
    right = keyed.client.get("/v1/me", headers=keyed.bearer())
    other = keyed.client.get("/v1/keys", headers=keyed.bearer("read"))

    for path, answer in (("me", wrong), ("me", right), ("keys", other)):
        known = told(document, f"/v1/{path}", "GET", answer.status_code)
        assert set(answer.headers.keys()) - UNSAID <= known
    assert "WWW-Authenticate" in told(document, "/v1/me", "GET", 401)
    assert "RateLimit" in right.headers


def test_what_is_made_says_where_it_is_as_documented(api, document, a_picture):
    files = {"file": (io.BytesIO(a_picture()), "a.png")}
    uploaded = api.client.post("/v1/assets", data=files)
    submitted = api.submit(headers={"Idempotency-Key": "once"})
    again = api.submit(headers={"Idempotency-Key": "once"})

    for path, answer in (("assets", uploaded), ("jobs", submitted), ("jobs", again)):
        known = told(document, f"/v1/{path}", "POST", answer.status_code)
        assert set(answer.headers.keys()) - UNSAID <= known
        assert "Location" in known
    assert again.headers["Idempotency-Replayed"] == "true"


def test_headers_of_a_change_are_documented(api, document):
    at = f"/v1/jobs/{api.submitted()}"
    for match, status in (('"99"', 412), (None, 428), ("*", 200)):
        headers = {"If-Match": match} if match else {}

        answer = api.client.patch(at, json={"style_weight": 12.0}, headers=headers)

        assert answer.status_code == status
        sent = set(answer.headers.keys())
        assert sent - UNSAID <= told(document, JOB, "PATCH", status)
