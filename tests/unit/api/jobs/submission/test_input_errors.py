from __future__ import annotations

import json
import struct
import zlib

import pytest


def errors(response):
    assert response.status_code == 422, response.text
    assert response.json["code"] == "validation"
    return {error["pointer"]: error for error in response.json["errors"]}


def bomb():
    def chunk(name, body):
        return (
            struct.pack(">I", len(body))
            + name
            + body
            + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def test_everything_wrong_is_named_at_once(api):
    wrong = {"max_edge": 9000, "seed": -1, "nonsense": 1, "optimizer": "sgd",
             "style_layers": {"relu9_9": 1}, "style_weight": "much"}  # fmt: skip

    found = errors(api.submit([], wrong))

    assert set(found) == {
        "/content", "/style", "/params/max_edge", "/params/seed", "/params/nonsense",
        "/params/optimizer", "/params/style_layers", "/params/style_weight",
    }  # fmt: skip
    assert all(error["code"] and error["detail"] for error in found.values())
    assert "9000" in found["/params/max_edge"]["detail"]


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_sixteen_bits_in_a_format_that_holds_eight_are_named(api, name):
    found = errors(api.submit(params={"format": name, "bit_depth": 16}))

    assert set(found) == {"/params/bit_depth"}
    assert "png or tiff" in found["/params/bit_depth"]["detail"]


def test_a_photo_that_is_transparent_everywhere_is_refused(api, a_picture):
    clear = a_picture(color=(0, 0, 0, 0), mode="RGBA")

    response = api.submit([("content", clear), ("style", a_picture())])

    assert (response.status_code, response.json["code"]) == (422, "image-unreadable")
    assert "transparent everywhere" in response.json["detail"]


@pytest.mark.parametrize("missing", ["content", "style"])
def test_a_missing_picture_is_named(api, a_picture, missing):
    files = [(name, a_picture()) for name in ("content", "style") if name != missing]

    assert set(errors(api.submit(files))) == {f"/{missing}"}


def test_a_second_photo_is_refused(api, a_picture):
    files = [("content", a_picture())] * 2 + [("style", a_picture())]

    assert set(errors(api.submit(files))) == {"/content"}


def test_unknown_parts_of_the_form_are_refused(api, a_picture):
    files = [(name, a_picture()) for name in ("content", "style", "mask/1")]

    found = errors(api.submit(files, colour="red"))

    assert set(found) == {"/mask/1", "/colour"}


@pytest.mark.parametrize("name", ["x" * 201, "two\nlines", "nul\0", "bell\a"])
def test_a_name_is_short_and_printable(api, name):
    assert set(errors(api.submit(name=name))) == {"/name"}


def test_an_asset_that_is_nobodys_is_pointed_at_in_the_parameters(api, a_picture):
    said = {
        "content": {"asset_id": "ast_1"},
        "styles": [{"image": {"asset_id": "ast_1"}}],
    }

    found = errors(api.submit([], params=said))

    assert set(found) == {
        "/params/content/asset_id", "/params/styles/0/image/asset_id"
    }  # fmt: skip


def test_a_picture_that_is_a_file_and_an_asset_is_named_twice(api, a_picture):
    asset = {"asset_id": "ast_1"}
    said = {"content": asset, "styles": [{"mask": asset}]}
    files = [(name, a_picture()) for name in ("content", "style", "mask_0")]

    found = errors(api.submit(files, params=said))

    assert found["/params/content"]["code"] == "repeated"
    assert found["/mask_0"]["code"] == "repeated"


def test_an_option_among_the_parameters_is_told_where_it_belongs(api):
    found = errors(api.submit(params={"priority": "high"}))

    assert found["/params/priority"]["code"] == "misplaced"


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"max_edge": "512"}, "/params/max_edge"),
        ({"seed": True}, "/params/seed"),
        ({"max_edge": 512.5}, "/params/max_edge"),
        ({"styles": []}, "/params/styles"),
        ({"styles": [{"weight": 0}]}, "/params/styles/0/weight"),
        ({"styles": "many"}, "/params/styles"),
        ({"content_layers": {}}, "/params/content_layers"),
        ({"style_layers": {"relu1_1": -1}}, "/params/style_layers/relu1_1"),
        ({"schedule": [[64, 10], [32, 5]]}, "/params/schedule"),
        ({"schedule": [[512, 30_000]]}, "/params/schedule"),
        ({"content_weight": 0, "style_weight": 0, "tv_weight": 0}, "/params/tv_weight"),
        ({"network": "vgg13"}, "/params/network"),
        ({"init": "photo"}, "/params/init"),
        ({"seed": 2**63}, "/params/seed"),
    ],
)
def test_a_value_out_of_range_is_pointed_at(api, params, pointer):
    assert set(errors(api.submit(params=params))) == {pointer}


@pytest.mark.parametrize(
    "text",
    [
        "{", "[1, 2]", "7", '"text"', "null", "{'max_edge': 512}", '{"max_edge": 512,}',
        '{"seed": 1, "seed": 2}', '{"tv_weight": NaN}', '{"tv_weight": Infinity}',
        '{"tv_weight": -Infinity}', '{"seed": ' + "9" * 5000 + "}",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 500 + "1" + "}" * 500, "[" * 100_000, "\x00",
        '{"\\ud800": 1}', '{"network": "\\udfff"}', '{"styles": [{"a": "x\\ud83d!"}]}',
    ],
    ids=range(19),
)  # fmt: skip
def test_text_that_is_not_strict_json_is_400(api, text):
    response = api.submit(params=text)

    assert response.status_code == 400
    assert response.json["code"] == "malformed-json"


def test_a_number_too_large_for_a_float_is_refused(api):
    assert set(errors(api.submit(params='{"tv_weight": 1e999}'))) == {
        "/params/tv_weight"
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello", "image-unreadable"),
        (b"GIF89a" + bytes(50), "image-unreadable"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "image-unreadable"),
        (bomb(), "image-too-large"),
    ],
)
@pytest.mark.parametrize("field", ["content", "style"])
def test_a_bad_picture_is_named_with_what_to_do(api, a_picture, data, code, field):
    files = {"content": a_picture(), "style": a_picture(), field: data}

    response = api.submit(list(files.items()))

    assert response.status_code == 422
    assert response.json["code"] == code
    assert response.json["errors"][0]["pointer"] in {f"/{field}", f"/{field}/0"}
    assert response.json["hint"]


def test_an_empty_file_is_not_a_picture(api, a_picture):
    response = api.submit([("content", b""), ("style", a_picture())])

    assert response.json["code"] == "image-unreadable"
    assert "empty" in response.json["detail"]


def test_a_truncated_picture_is_refused(api, a_picture):
    half = a_picture(size=(300, 300))[:-200]

    assert api.submit([("content", half), ("style", a_picture())]).status_code == 422


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "text/plain", None],
)
def test_another_kind_of_body_is_415(client, kind):
    response = client.post("/v1/jobs", data=b"{}", content_type=kind)

    assert response.status_code == 415
    assert response.json["code"] == "unsupported-media-type"


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="content"\r\n\r\nbreaks off',
        b"--x\r\nNo-Disposition: 1\r\n\r\nabc\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: \xff\xfe\r\n\r\nabc\r\n--x--\r\n",
    ],
)
def test_a_damaged_form_is_400(client, body):
    response = client.post(
        "/v1/jobs", data=body, content_type="multipart/form-data; boundary=x"
    )

    assert response.status_code == 400
    assert response.json["code"] == "malformed-multipart"


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=\xe9"])
def test_a_form_without_a_boundary_is_400(client, boundary):
    response = client.post(
        "/v1/jobs", data=b"--x--", content_type=f"multipart/form-data{boundary}"
    )

    assert response.json["code"] == "malformed-multipart"


def test_a_part_without_a_name_is_refused_not_a_crash(client):
    body = b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--\r\n"

    response = client.post(
        "/v1/jobs", data=body, content_type="multipart/form-data; boundary=x"
    )

    assert (response.status_code, response.json["code"]) == (400, "malformed-multipart")
    assert "a part has no name" in response.json["detail"]


@pytest.mark.parametrize("field", ["name", "tags", "params"])
def test_text_that_is_not_utf_8_is_pointed_at(client, field):
    body = (
        f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n'.encode()
        + b"caf\xe9\r\n--x--\r\n"
    )

    response = client.post(
        "/v1/jobs", data=body, content_type="multipart/form-data; boundary=x"
    )

    found = errors(response)[f"/{field}"]
    assert (found["code"], "UTF-8" in found["detail"]) == ("encoding", True)


def test_parameters_in_a_file_that_is_too_long_are_refused(api, a_picture):
    files = [("content", a_picture()), ("style", a_picture("blue"))]
    text = '{"max_edge": 96' + " " * 262_144 + "}"

    response = api.submit([*files, ("params", text.encode())])

    assert (response.status_code, response.json["code"]) == (413, "upload-too-large")
    assert "262,144" in response.json["detail"]
    fitting = '{"max_edge": 96' + " " * (262_144 - 16) + "}"
    assert api.submit([*files, ("params", fitting.encode())]).status_code == 202


@pytest.mark.parametrize(
    "tag", ["\u202etxt.exe", "a\u2066b", "\ufeffa", "a\u200eb", "\x85"]
)
def test_a_tag_and_a_name_have_no_control_and_format_characters(api, tag):
    found = errors(api.submit(tags=json.dumps(["good", tag])))
    assert set(found) == {"/tags/1"}
    assert "format characters" in found["/tags/1"]["detail"]

    in_key = errors(api.submit(metadata=json.dumps({tag: "x"})))
    assert all(pointer.startswith("/metadata/") for pointer in in_key)
    assert set(errors(api.submit(name=f"a{tag}b"))) == {"/name"}


@pytest.mark.parametrize("tag", ["👩‍🎨", "می‌خواهم", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "Ørsted", "日本"])
def test_a_tag_and_a_name_are_in_any_script(api, tag):
    job = api.submit(tags=json.dumps([tag]), name=tag)

    assert (job.status_code, job.json["tags"], job.json["name"]) == (202, [tag], tag)
