"""Commands: what goes to stdout, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"


@pytest.fixture
def pictures(tmp_path):
    for name in ("photo.jpg", "painting.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path / "photo.jpg", tmp_path / "painting.jpg"


@pytest.fixture(autouse=True)
def _farm_in_the_environment(farm, monkeypatch):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)


def test_submit_prints_the_id_and_nothing_else(farm, impasto, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))

    result = impasto("submit", *pictures, "--schedule", "128:60,256:30", "--seed", "7")

    assert (result.exit_code, result.stdout) == (0, f"{JOB}\n")
    params = b'{"seed": 7, "schedule": [[128, 60], [256, 30]], "max_edge": 256}'
    assert params in farm.seen[0][3]


def test_any_other_parameter_can_be_set_as_json(farm, impasto, pictures):
    farm.answers("POST /v1/jobs", Answer(202, job()))

    impasto("submit", *pictures, "--set", 'style_layers={"relu1_1": 1}')

    assert b'{"style_layers": {"relu1_1": 1}}' in farm.seen[0][3]


def test_run_watches_and_saves_the_picture(farm, impasto, pictures, tmp_path):
    farm.answers("POST /v1/jobs", Answer(202, job()))
    farm.answers(SELF, Answer(body=job("succeeded")))
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"png"))

    result = impasto("run", *pictures, "-o", tmp_path / "out.png")

    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'out.png'}\n")
    assert (tmp_path / "out.png").read_bytes() == b"png"
    assert "succeeded" in result.stderr


def test_run_writes_to_standard_output(farm, impasto, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    farm.answers("POST /v1/jobs", Answer(202, job()))
    farm.answers(SELF, Answer(body=job("succeeded")))
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"\x89PNG"))

    result = impasto("run", *pictures, "-o", "-")

    assert (result.exit_code, result.stdout_bytes) == (0, b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"photo.jpg", "painting.jpg"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["ls", "--help"], ["download", JOB, "-o", "-"]])
def test_a_full_disk_behind_standard_output_takes_one_line(farm, words):
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"png"))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "impasto", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    said = "error: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize(("count", "words"), [(1, "1 worker"), (2, "2 workers")])
def test_doctor_counts_the_workers(farm, impasto, monkeypatch, count, words):
    monkeypatch.setenv("IMPASTO_PORT", "abc")  # the other checks end at once
    farm.answers("GET /v1/queue", Answer(body={"workers": count}))

    assert impasto("doctor").stdout == f"ok    farm      {farm.url}, {words}\n"


def test_doctor_names_a_wrong_setting_once(impasto, monkeypatch, capfd):
    monkeypatch.setenv("IMPASTO_PORT", "abc")

    assert impasto("doctor").exit_code == 1
    assert capfd.readouterr().err.count("IMPASTO_PORT") == 1


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("none/b.png", "there is no folder"),
        ("photo.jpg/b.png", "there is no folder"),
        ("", "is a folder"),
        (300 * "n" + ".png", "File name too long"),
    ],
)
def test_run_submits_nothing_that_it_could_not_save(
    farm, impasto, pictures, tmp_path, output, why
):
    result = impasto("run", *pictures, "-o", tmp_path / output)

    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot save")
    assert why in result.stderr
    assert farm.seen == []


@pytest.mark.parametrize("name", ["none/b.png", 300 * "n" + ".png"])
def test_a_download_that_cannot_be_saved_is_one_line(farm, impasto, tmp_path, name):
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"png"))

    result = impasto("download", JOB, "-o", tmp_path / name)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_sheet_with_too_long_a_name_is_refused_before_its_jobs(
    farm, impasto, pictures, tmp_path
):
    result = impasto("sheet", *pictures, "-o", tmp_path / (300 * "n" + ".png"))

    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot save")
    assert farm.seen == []


def test_a_picture_is_saved_by_the_longest_name_that_a_file_may_have(
    farm, impasto, tmp_path
):
    farm.answers(f"GET /v1/jobs/{JOB}/result", Answer(body=b"png"))
    path = tmp_path / (251 * "n" + ".png")

    assert impasto("download", JOB, "-o", path).exit_code == 0
    assert path.read_bytes() == b"png"


@pytest.mark.parametrize("key", ["clé", "imp_1\nX-Other: 1", "imp\x7f"])
def test_a_key_that_none_looks_like_is_wrong_usage(impasto, monkeypatch, key):
    monkeypatch.setenv("IMPASTO_API_KEY", key)

    result = impasto("ls")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: the API key")
    assert key not in result.stderr


def test_run_misses_its_key_before_it_starts_a_farm(impasto, monkeypatch, pictures):
    monkeypatch.delenv("IMPASTO_API_URL")
    monkeypatch.setenv("IMPASTO_AUTH", "keys")

    result = impasto("run", *pictures)

    assert result.exit_code == 2
    assert "IMPASTO_API_KEY" in result.stderr
    assert "starting" not in result.stderr


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(body=job("succeeded")), 0),
        (Answer(body=job("failed")), 3),
        (Answer(body=job("expired")), 3),
        (Answer(body=job("canceled")), 5),
        (Answer(401, problem("unauthenticated", hint="send a key")), 4),
        (Answer(404, problem("not-found")), 1),
        (Answer(429, problem("queue-full"), {"Retry-After": "0"}), 8),
    ],
)
def test_watch_exits_with_what_became_of_the_job(farm, impasto, answer, code):
    farm.answers(SELF, answer)

    assert impasto("watch", JOB).exit_code == code


def test_watch_prints_json_lines(farm, impasto):
    farm.answers(SELF, Answer(body=job("succeeded", mood="blue")))

    result = impasto("watch", JOB, "--json")

    assert [json.loads(line)["mood"] for line in result.stdout.splitlines()] == ["blue"]


def test_no_server_has_a_code_of_its_own(impasto, monkeypatch):
    monkeypatch.delenv("IMPASTO_API_URL")

    result = impasto("ls")

    assert result.exit_code == 7
    assert "impasto up" in result.stderr


def test_wrong_values_are_named_one_by_one(farm, impasto, pictures):
    wrong = [{"pointer": "/seed", "code": "x", "detail": "too small"}]
    farm.answers("POST /v1/jobs", Answer(422, problem("validation", errors=wrong)))

    result = impasto("submit", *pictures)

    assert result.exit_code == 1
    assert "--seed: too small" in result.stderr


def test_what_the_message_says_already_is_not_said_again(farm, impasto, pictures):
    wrong = [{"pointer": "/seed", "code": "x", "detail": "too small"}]
    said = problem("validation", errors=wrong)
    said["detail"] = "1 invalid value(s): /seed: too small"
    farm.answers("POST /v1/jobs", Answer(422, said))

    assert impasto("submit", *pictures).stderr.count("too small") == 1


def test_show_says_the_facts_and_json_has_them_all(farm, impasto):
    farm.answers(SELF, Answer(body=job("running", params={"seed": 3}, mood="blue")))

    assert "seed" in impasto("show", JOB).stdout
    assert json.loads(impasto("show", JOB, "--json").stdout)["mood"] == "blue"


def test_ls_lists_and_pages(farm, impasto):
    farm.answers("GET /v1/jobs", Answer(body={"data": [job(name="cat")]}))

    result = impasto("ls", "--limit", 5, "--state", "queued")

    assert "cat" in result.stdout
    assert farm.seen[0][1] == "/v1/jobs?limit=5&state=queued"


def test_ls_without_jobs_leaves_stdout_empty(farm, impasto):
    farm.answers("GET /v1/jobs", Answer(body={"data": []}))

    assert impasto("ls").stdout == ""


def test_cancel_takes_several_and_fails_if_one_does(farm, impasto):
    other = JOB[:-1] + "2"
    farm.answers(f"POST /v1/jobs/{JOB}/cancel", Answer(202, job("canceling")))

    result = impasto("cancel", other, JOB)

    assert result.exit_code == 1
    assert result.stdout == f"{JOB} canceling\n"
    assert result.stderr.count(other) == 1  # said once


def test_download_prints_where_the_picture_is(farm, impasto, tmp_path):
    farm.answers(f"GET /v1/jobs/{JOB}/frames/latest", Answer(body=b"jpeg"))

    result = impasto("download", JOB, "--frame", "-o", tmp_path / "f.jpg")

    assert result.stdout == f"{tmp_path / 'f.jpg'}\n"
    assert (tmp_path / "f.jpg").read_bytes() == b"jpeg"
