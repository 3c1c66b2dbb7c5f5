"""`impasto explore` and `impasto sheet`: what is asked for, and what is saved."""

from __future__ import annotations

import io
import json
import re

import pytest
from PIL import Image

from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"
OUTPUTS = f"/v1/jobs/{JOB}/outputs"
FINISHED = job(
    "succeeded",
    kind="explore",
    outputs=[
        {"name": name, "url": f"{OUTPUTS}/{name}"}
        for name in ("relu3_1.png", "patches.json")
    ],
)


@pytest.fixture(autouse=True)
def _farm_in_the_environment(farm, monkeypatch, tmp_path):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def explored(farm):
    farm.answers("POST /v1/explorations", Answer(202, job()))
    farm.answers(SELF, Answer(body=FINISHED))
    farm.answers(f"GET {OUTPUTS}/relu3_1.png", Answer(body=b"a sheet"))
    farm.answers(f"GET {OUTPUTS}/patches.json", Answer(body=b"{}"))
    return farm


@pytest.fixture
def pictures(tmp_path):
    for name in ("photo.jpg", "painting.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path / "photo.jpg", tmp_path / "painting.jpg"


def test_explore_saves_every_file_and_prints_where(explored, impasto, tmp_path):
    flags = ("--layers", "relu3_1, relu4_1", "--units", "3,7", "--name", "look")

    result = impasto("explore", *flags, "-o", "new/folder")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "new/folder/relu3_1.png\nnew/folder/patches.json\n"
    assert (tmp_path / "new" / "folder" / "relu3_1.png").read_bytes() == b"a sheet"
    _method, _path, headers, body = explored.seen[0]
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "layers": ["relu3_1", "relu4_1"],
        "units": [3, 7],
        "name": "look",
    }


def test_explore_sends_own_pictures_as_files(explored, impasto, pictures):
    result = impasto("explore", *pictures, "--top-k", "4", "--max-edge", "128")

    assert result.exit_code == 0, result.stderr
    body = explored.seen[0][3]
    assert body.count(b'name="picture"') == 2
    assert b"painting.jpg" in body
    assert b'{"top_k": 4, "max_edge": 128}' in body


def test_explore_asks_for_an_equal_one_both_ways(explored, impasto, pictures):
    for words in ((), pictures):
        assert impasto("explore", *words, "--reuse", "finished").exit_code == 0

    in_json, in_form = (
        body for method, _, _, body in explored.seen if method == "POST"
    )
    assert json.loads(in_json)["reuse"] == "finished"
    assert re.search(rb'name="reuse"\r\n\r\nfinished\r\n', in_form)


def test_units_that_are_no_numbers_are_wrong_usage(farm, impasto):
    result = impasto("explore", "--units", "3,x")

    assert (result.exit_code, farm.seen) == (2, [])
    assert "3,x" in result.stderr


def test_explore_sends_nothing_that_it_could_not_save(farm, impasto, tmp_path):
    (tmp_path / "file").write_text("")

    result = impasto("explore", "-o", "file/folder")

    assert (result.exit_code, farm.seen) == (1, [])
    assert "cannot save" in result.stderr


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", ".."])  # noqa: S108
def test_no_server_can_make_it_write_beside_the_folder(
    explored, impasto, tmp_path, name
):
    output = {"name": name, "url": f"{OUTPUTS}/relu3_1.png"}
    explored.answers(SELF, Answer(body=job("succeeded", outputs=[output])))

    impasto("explore", "-o", "folder")

    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written <= {"outside"}
    assert not (tmp_path / "outside").exists()


def png(color):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(buffer, "PNG")
    return buffer.getvalue()


def painted(farm, count, states=()):
    """Answer `count` submissions, each with a job of its own and its own gray."""
    ids = [f"job_{number:026}" for number in range(count)]
    farm.answers(
        "POST /v1/jobs", *(Answer(202, job() | {"id": job_id}) for job_id in ids)
    )
    for number, job_id in enumerate(ids):
        state = states[number] if number < len(states) else "succeeded"
        farm.answers(f"GET /v1/jobs/{job_id}", Answer(body=job(state) | {"id": job_id}))
        gray = png((40 * number, 0, 0))
        farm.answers(f"GET /v1/jobs/{job_id}/result", Answer(body=gray))
        farm.answers(
            f"POST /v1/jobs/{job_id}/cancel",
            Answer(body=job("canceled") | {"id": job_id}),
        )
    return ids


def submissions(farm):
    return [body for method, path, _, body in farm.seen if path == "/v1/jobs"]


GRID = ("--layers", "relu1_2,relu4_2", "--style-weights", "2,8,32")


def test_a_sheet_has_a_row_per_layer_and_a_column_per_style_weight(
    farm, impasto, pictures, tmp_path
):
    painted(farm, 6)

    result = impasto("sheet", *pictures, *GRID, "--seed", "7", "-o", "s.png")

    assert (result.exit_code, result.stdout) == (0, "s.png\n"), result.stderr
    assert "6 of 6: relu4_2, style_weight 32: succeeded" in result.stderr
    asked = submissions(farm)
    assert len(asked) == 6
    for body, (layer, weight) in zip(
        asked,
        [
            (layer, weight)
            for layer in (b"relu1_2", b"relu4_2")
            for weight in (2, 8, 32)
        ],
        strict=True,
    ):
        assert (
            b'"content_layers": {"%s": 1.0}, "style_weight": %d.0'
            % (
                layer,
                weight,
            )
            in body
        )
        assert b'"max_edge": 256, "quality": "draft", "seed": 7' in body
    with Image.open(tmp_path / "s.png") as sheet:
        reds = [40 * number for number in range(6)]
        found = {(red, 0, 0) for red in reds} & {
            color for _, color in sheet.getcolors(1 << 20)
        }
        assert found == {(red, 0, 0) for red in reds}
        width, height = sheet.size
    assert width > 3 * 64
    assert height > 2 * 48


def test_a_sheet_cancels_its_other_jobs_when_one_fails(farm, impasto, pictures):
    ids = painted(farm, 6, ["succeeded", "failed"])

    result = impasto("sheet", *pictures, *GRID)

    assert result.exit_code == 3
    canceled = [path for method, path, _, _ in farm.seen if path.endswith("cancel")]
    assert [path.split("/")[3] for path in canceled] == ids[1:]


def test_a_sheet_cancels_what_it_submitted_when_the_next_job_is_refused(
    farm, impasto, pictures
):
    ids = painted(farm, 1)
    first = Answer(202, job() | {"id": ids[0]})
    refusal = Answer(422, problem("validation"))
    farm.answers("POST /v1/jobs", first, refusal)

    result = impasto("sheet", *pictures, *GRID)

    assert result.exit_code == 1
    assert farm.seen[-1][:2] == ("POST", f"/v1/jobs/{ids[0]}/cancel")


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--style-weights", "1,a"), "1,a"),
        (("--style-weights", "1,1"), "once"),
        (("--layers", "relu1_1,,"), "once"),
        (("--style-weight", "3"), "style_weight"),
        (("--set", 'content_layers={"relu1_1": 1}'), "content_layers"),
    ],
)
def test_axes_that_cannot_be_read_are_wrong_usage(farm, impasto, pictures, flags, word):
    result = impasto("sheet", *pictures, *flags)

    assert (result.exit_code, farm.seen) == (2, [])
    assert word in result.stderr


def test_a_sheet_of_an_unknown_kind_of_file_is_told(farm, impasto, pictures):
    result = impasto("sheet", *pictures, *GRID, "-o", "sheet.xyz")

    assert (result.exit_code, farm.seen) == (1, [])
    assert "cannot save sheet.xyz" in result.stderr
