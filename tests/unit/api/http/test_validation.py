"""One answer names everything that is wrong with a request."""

from __future__ import annotations

import io
import json
import re

import pytest

from shared.auth.api_keys import Scope


def pointers(response, code="validation"):
    assert (response.status_code, response.json["code"]) == (422, code), response.text
    return {one["pointer"] for one in response.json["errors"]}


def test_a_change_names_what_cannot_change_and_what_is_wrong(api):
    job_id = api.submitted()
    body = {"max_edge": 256, "seed": 3, "foo": 1, "style_weight": -2, "tags": None,
            "cancel_after": "2001-01-01T00:00:00Z", "styles": [{"image": {}}],
            "name": "two\nlines"}  # fmt: skip

    response = api.client.patch(f"/v1/jobs/{job_id}", json=body)

    assert pointers(response, "immutable-field") == {
        "/max_edge", "/seed", "/foo", "/style_weight", "/tags", "/styles/0/image",
        "/cancel_after", "/name",
    }  # fmt: skip
    codes = [one["code"] for one in response.json["errors"]]
    assert codes.count("immutable-field") == 3
    assert len(codes) == 8  # each once


def test_a_change_names_every_value_that_is_only_wrong(api):
    body = {"foo": 1, "style_weight": None, "priority": "urgent"}

    response = api.client.patch(f"/v1/jobs/{api.submitted()}", json=body)

    assert pointers(response) == {"/foo", "/style_weight", "/priority"}


def test_a_fork_names_them_too(api):
    job_id = api.submitted()
    body = {"params": {"seed": 1, "tv_weight": None, "foo": 1}, "iterations": 0}

    response = api.client.post(f"/v1/jobs/{job_id}/fork", json=body)

    assert pointers(response, "immutable-field") == {
        "/params/seed", "/params/tv_weight", "/params/foo", "/iterations", "/from",
    }  # fmt: skip


def test_a_long_unknown_name_is_cut_as_a_long_value_is(api, a_picture):
    body = {"a" * 100_000: 1, "params": {"b" * 100_000: 1}}
    job_id = api.submitted()

    for response in (
        api.client.post(f"/v1/jobs/{job_id}/fork", json=body),
        api.client.patch(f"/v1/jobs/{job_id}", json=body),
        api.client.post("/v1/jobs", json=body),
        api.submit([("content", a_picture()), ("style", a_picture())], **body),
    ):
        assert response.status_code == 422
        assert "/" + "a" * 100 + "..." in response.text
        assert len(response.data) < 3_000


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("jobs", {"style_layers": {"a" * 100_000: 1}}),
        ("explorations", {"layers": ["a" * 100_000]}),
    ],
)
def test_a_long_name_of_a_layer_is_cut(api, path, params):
    response = api.client.post(f"/v1/{path}", json={"params": params})

    assert "unknown layer(s) aaa" in response.json["detail"]
    assert len(response.data) < 3_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"iterations": ' + "9" * 5_000 + "}", "a number has 5,000 digits, more than"),
        ('{"iterations": -' + "9" * 5_000 + "}", "a number has 5,000 digits"),
        ('\ufeff{"iterations": 9}', "begins with a byte order mark"),
        ('{"' + 2 * ("a" * 9_000 + '": 1, "') + '": 1}', "aaa... is given twice"),
    ],
)
def test_json_that_is_refused_is_described_in_our_words(api, text, why):
    response = api.client.patch(
        f"/v1/jobs/{api.submitted()}",
        data=text.encode(),
        content_type="application/merge-patch+json",
    )

    assert (response.status_code, response.json["code"]) == (400, "malformed-json")
    assert why in response.json["detail"]
    assert len(response.data) < 1_000
    assert not re.search("sys|utf-8-sig", response.text)


def test_the_longest_number_that_is_read_is_out_of_range(api):
    response = api.client.patch(
        f"/v1/jobs/{api.submitted()}",
        data='{"iterations": -' + "9" * 4_300 + "}",
        content_type="application/merge-patch+json",
    )

    assert pointers(response) == {"/iterations"}


def test_a_form_names_wrong_words_and_wrong_pictures_together(api, a_picture):
    files = [("content", b"no picture"), ("style", b"nor this"), ("style", a_picture())]

    response = api.submit(files, {"max_edge": 1}, priority="urgent")

    assert pointers(response) == {
        "/content", "/style/0", "/params/max_edge", "/priority"
    }  # fmt: skip
    codes = {one["pointer"]: one["code"] for one in response.json["errors"]}
    assert codes["/content"] == codes["/style/0"] == "image-unreadable"


def test_two_bad_pictures_do_not_hide_each_other(api, a_picture):
    files = [("content", b"no picture"), ("style", a_picture()[:40])]

    response = api.submit(files)

    assert pointers(response, "image-unreadable") == {"/content", "/style/0"}


def test_a_bad_mask_and_a_bad_word_are_named_together(api, a_picture):
    files = [("content", a_picture()), ("style", a_picture()),
             ("mask_0", a_picture("white", size=(10, 90), mode="L"))]  # fmt: skip

    response = api.submit(files, priority="urgent")

    assert pointers(response) == {"/mask_0", "/priority"}


def test_an_exploration_names_every_file_that_is_no_picture(api):
    files = [(io.BytesIO(b"%d" % number), f"{number}.png") for number in range(9)]

    response = api.client.post("/v1/explorations", data={"picture": files})

    named = {f"/picture/{number}" for number in range(9)}
    assert pointers(response, "image-unreadable") == named


@pytest.fixture
def maker(keyed):
    """Headers of a key that may make keys, but not every key."""
    return keyed.bearer("keys", "read")


def test_a_key_that_is_wrong_and_too_much_is_both(keyed, maker):
    body = {"foo": 1, "scopes": ["write", "read"], "max_queued": 5}

    response = keyed.client.post("/v1/keys", json=body, headers=maker)

    assert pointers(response) == {"/foo", "/scopes", "/max_queued"}


def test_a_key_that_is_only_too_much_is_forbidden_and_says_where(keyed, maker):
    body = {"scopes": ["write", "read"], "max_queued": 5}

    response = keyed.client.post("/v1/keys", json=body, headers=maker)

    assert response.status_code == 403
    assert response.json["scope"] == Scope.ADMIN
    named = {one["pointer"] for one in response.json["errors"]}
    assert named == {"/scopes", "/max_queued"}


def test_a_word_that_is_merely_short_is_no_slip_of_the_pen(api):
    body = {"preset": "painterly", "styl_weight": 3}

    response = api.client.post("/v1/jobs", json=body)

    said = {one["pointer"]: one["detail"] for one in response.json["errors"]}
    assert "did you mean" not in said["/preset"]
    assert "did you mean 'style_weight'?" in said["/styl_weight"]


def test_a_job_in_json_names_options_that_no_schema_can_check_too(api):
    body = {"priority": "urgent", "name": "two\nlines",
            "start_deadline": "2001-01-01T00:00:00Z", "max_edge": 1}  # fmt: skip

    response = api.client.post("/v1/jobs", json=body)

    assert pointers(response) >= {"/priority", "/name", "/start_deadline", "/max_edge"}


def as_floats(body):
    """JSON in which each whole number is written as 64.0."""
    return re.sub(r"(?<=[\[ ])(\d+)(?=[\],}])", r"\1.0", json.dumps(body))


def test_whole_numbers_may_be_written_as_floats(api):
    params = {"max_edge": 64, "schedule": [[64, 3]], "tile_px": 64, "style_weight": 2}

    form = api.submit(params=as_floats(params), keep_every="5.0", max_attempts="2e0")

    assert form.status_code == 202, form.text
    assert {name: form.json["params"][name] for name in params} == params
    assert (form.json["keep_every"], form.json["max_attempts"]) == (5, 2)
    at = f"/v1/jobs/{form.json['id']}"
    changed = api.client.patch(
        at,
        data=as_floats({"iterations": 4}),
        content_type="application/json",
        headers={"If-Match": "*"},
    )
    assert changed.status_code == 200, changed.text


def test_the_pointer_to_a_long_name_that_is_allowed_is_whole(api):
    name = "a" * 64

    refused = api.submit(metadata=json.dumps({name: "\x00"}))

    assert pointers(refused) == {f"/metadata/{name}"}


@pytest.mark.parametrize("seed", ["0.5", "1e19", "1e400", "-1.0", '"1"', "true"])
def test_other_numbers_are_no_integers(api, seed):
    assert pointers(api.submit(params=f'{{"seed": {seed}}}')) == {"/params/seed"}
