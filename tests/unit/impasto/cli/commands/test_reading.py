"""Commands that read jobs: what they ask for, and what they print."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import impasto as package
from impasto.cli.app import make_app
from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
SELF = f"GET /v1/jobs/{JOB}"


@pytest.fixture(autouse=True)
def _farm_in_the_environment(farm, monkeypatch, tmp_path):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)
    monkeypatch.chdir(tmp_path)


def test_the_version_is_that_of_the_package(impasto):
    result = impasto("--version")

    assert (result.exit_code, result.stdout) == (0, f"impasto {package.__version__}\n")


def test_ls_prints_ids_alone_if_asked_to(farm, impasto):
    farm.answers("GET /v1/jobs", Answer(body={"data": [job(name="cat")]}))

    assert impasto("ls", "-q", "--tag", "sea").stdout == f"{JOB}\n"
    assert farm.seen[0][1] == "/v1/jobs?limit=20&tag=sea"


def test_the_log_has_a_line_for_each_event(farm, impasto):
    claim = {
        "at": "2026-11-20T10:00:00.123Z", "seq": 2, "event": "claim",
        "from_state": "queued", "state": "running", "detail": {"fence": 1},
    }  # fmt: skip
    farm.answers(f"{SELF}/logs", Answer(body={"data": [claim], "next_since": 2}))

    line = "2026-11-20 10:00:00 claim queued -> running fence=1\n"
    assert impasto("logs", JOB).stdout == line
    assert json.loads(impasto("logs", JOB, "--json").stdout) == [claim]


def test_frames_are_listed_or_saved(farm, impasto, tmp_path):
    frame = {"iteration": 8, "width": 96, "height": 64, "losses": {"style": 0.5}}
    farm.answers(f"{SELF}/frames", Answer(body={"data": [frame]}))
    farm.answers(f"{SELF}/frames/8", Answer(body=b"jpeg"))

    assert "8          96 x 64  style 0.5" in impasto("frames", JOB).stdout
    assert impasto("frames", JOB, "-o", "all").stdout == "all/000008.jpg\n"
    assert (tmp_path / "all" / "000008.jpg").read_bytes() == b"jpeg"


def test_queue_says_how_long_a_job_would_wait(farm, impasto):
    wait = {"starts_in_s": 24.0, "reason": "waiting_for_worker"}
    unknown = {"starts_in_s": None, "reason": "no_capable_worker_alive"}
    waits = {"high": wait, "normal": wait, "low": unknown}
    counts = {"queued": 12, "running": 2, "workers": 2, "draining": 0}
    farm.answers("GET /v1/queue", Answer(body={**counts, "estimated_wait": waits}))

    said = impasto("queue").stdout

    assert "queued        12" in said
    assert "wait, high    about 24 s (waiting for worker)" in said
    assert "wait, low     unknown (no capable worker alive)" in said


def test_download_asks_for_the_format_of_the_name(farm, impasto, tmp_path):
    farm.answers(f"{SELF}/result", Answer(body=b"jpeg"))

    assert impasto("download", JOB, "-o", "x.jpg").stdout == "x.jpg\n"
    assert farm.seen[-1][1] == f"/v1/jobs/{JOB}/result?format=jpeg"
    assert (tmp_path / "x.jpg").read_bytes() == b"jpeg"


def test_download_writes_to_standard_output(farm, impasto, tmp_path):
    farm.answers(f"{SELF}/result", Answer(body=b"\x89PNG"))

    assert impasto("download", JOB, "-o", "-").stdout_bytes == b"\x89PNG"
    assert not list(tmp_path.iterdir())


def test_a_preview_is_written_to_standard_output(farm, impasto, tmp_path):
    farm.answers(f"{SELF}/frames/latest", Answer(body=b"\xff\xd8"))

    assert impasto("download", JOB, "--frame", "-o", "-").stdout_bytes == b"\xff\xd8"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["download", JOB, "-o", "a.xyz"], ".xyz is none of .png"),
        (["download", JOB, "--frame", "-o", "f.png"], "previews are JPEG"),
        (["frames", JOB, "-o", "f.png"], "it is to be the folder"),
    ],
)
def test_a_name_that_would_be_wrong_is_refused(farm, impasto, tmp_path, words, why):
    for path in ("result", "frames", "frames/latest"):
        farm.answers(f"{SELF}/{path}", Answer(body={"data": []}))

    result = impasto(*words)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: cannot save {words[-1]}: ")
    assert why in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["rm", "-f"], ["show"], ["download"]])
@pytest.mark.parametrize("typed", ["", "job_"])
def test_an_empty_id_fits_no_job(farm, impasto, command, typed):
    farm.answers("GET /v1/jobs", Answer(body={"data": [job()]}))

    assert impasto(*command, typed).exit_code == 2
    assert farm.seen == []


@pytest.mark.parametrize("command", [["download", JOB, "-o", "x.png"], ["rm", JOB]])
def test_a_page_of_a_proxy_is_neither_a_picture_nor_a_deletion(
    farm, impasto, tmp_path, command
):
    page = Answer(200, b"<html>", {"Content-Type": "text/html"})
    farm.answers(f"{SELF}/result", page)
    farm.answers(f"DELETE /v1/jobs/{JOB}", page)

    assert impasto(*command).exit_code == 7
    assert not list(tmp_path.iterdir())


def test_rm_deletes_what_has_ended(farm, impasto):
    farm.answers(f"DELETE /v1/jobs/{JOB}", Answer(204, b""))

    assert impasto("rm", JOB).stdout == f"{JOB} deleted\n"
    assert farm.seen[-1][0] == "DELETE"


def test_rm_cancels_a_running_job_only_if_forced(farm, impasto):
    farm.answers(f"POST /v1/jobs/{JOB}/cancel", Answer(202, job("canceling")))
    farm.answers(f"DELETE /v1/jobs/{JOB}", Answer(409, problem("invalid-state")))

    assert impasto("rm", JOB).exit_code == 1
    assert impasto("rm", "--force", JOB).stdout == f"{JOB} will be deleted\n"
    assert json.loads(farm.seen[-1][3]) == {"purge": True}


def test_rm_force_deletes_what_has_ended_meanwhile(farm, impasto):
    farm.answers(f"POST /v1/jobs/{JOB}/cancel", Answer(409, problem("invalid-state")))
    farm.answers(f"DELETE /v1/jobs/{JOB}", Answer(204, b""))

    assert impasto("rm", "--force", JOB).stdout == f"{JOB} deleted\n"


@pytest.mark.parametrize("command", [["queue"], ["logs", JOB], ["frames", JOB]])
def test_what_is_no_impasto_server_is_named(farm, impasto, command):
    farm.answers("GET /v1/queue", Answer(body=b"<html>"))
    farm.answers(f"{SELF}/logs", Answer(body=b"<html>"))
    farm.answers(f"{SELF}/frames", Answer(body=b"<html>"))

    result = impasto(*command)

    assert result.exit_code == 7
    assert "does not answer as Impasto does" in result.stderr


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (
            problem(
                "result-not-ready",
                hint=f"there will be none; POST /v1/jobs/{JOB}/retry makes a job",
            ),
            f"hint: there will be none; 'impasto retry {JOB}' makes a job",
        ),
        (problem("unauthenticated", hint="send Authorization"), "set IMPASTO_API_KEY"),
    ],
)  # fmt: skip
def test_hints_are_for_the_shell(farm, impasto, answer, hint):
    farm.answers(SELF, Answer(409, answer))

    assert hint in impasto("show", JOB).stderr


def test_the_shell_completes_ids_and_says_what_they_are(farm, impasto, monkeypatch):
    farm.answers("GET /v1/jobs", Answer(body={"data": [job(name="cat")]}))
    monkeypatch.setenv("_IMPASTO_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "impasto show job_0")

    result = CliRunner().invoke(make_app(), [], prog_name="impasto")

    assert JOB in result.stdout
    assert "queued cat" in result.stdout


def test_actions_print_json_if_asked_to(farm, impasto):
    farm.answers(f"POST /v1/jobs/{JOB}/pause", Answer(202, job("pausing", mood="blue")))

    assert json.loads(impasto("pause", JOB, "--json").stdout)["mood"] == "blue"
