"""Commands that ask something of jobs: what they send, what they print."""

from __future__ import annotations

import json

import pytest

from tests.support.fake_api import Answer, job, problem

JOB = job()["id"]
CHILD = JOB[:-1] + "2"
SELF = f"/v1/jobs/{JOB}"


@pytest.fixture(autouse=True)
def _farm_in_the_environment(farm, monkeypatch):
    monkeypatch.setenv("IMPASTO_API_URL", farm.url)


@pytest.mark.parametrize(
    ("verb", "state"),
    [("cancel", "canceling"), ("pause", "pausing"), ("resume", "queued"),
     ("finish", "running")],
)  # fmt: skip
def test_a_verb_prints_each_job_and_its_state(farm, impasto, verb, state):
    farm.answers(f"POST {SELF}/{verb}", Answer(202, job(state)))

    result = impasto(verb, JOB)

    assert (result.exit_code, result.stdout) == (0, f"{JOB} {state}\n")


def test_a_refused_verb_says_what_would_work(farm, impasto):
    refused = problem("invalid-state", allowed_actions=["cancel"])
    refused["detail"] = "cannot resume: it is canceling; actions allowed now: none"
    farm.answers(f"POST {SELF}/resume", Answer(409, refused))

    result = impasto("resume", JOB)

    assert result.exit_code == 1
    assert "actions allowed now" in result.stderr


def test_set_sends_the_revision_that_it_has_seen(farm, impasto):
    farm.answers(f"GET {SELF}", Answer(body=job("running", revision=17)))
    farm.answers(f"PATCH {SELF}", Answer(202, job("running")))

    result = impasto("set", JOB, "style_weight=4", "iterations=300", "name=my cat")

    assert (result.exit_code, result.stdout) == (0, f"{JOB} running\n")
    method, _, headers, body = farm.seen[-1]
    assert (method, headers["If-Match"]) == ("PATCH", '"17"')
    assert json.loads(body) == {
        "style_weight": 4,
        "iterations": 300,
        "name": "my cat",
    }


def test_a_name_and_a_priority_need_no_look_first(farm, impasto):
    farm.answers(f"PATCH {SELF}", Answer(200, job()))

    impasto("set", JOB, "priority=high")

    assert [method for method, *_ in farm.seen] == ["PATCH"]


def test_a_setting_without_a_value_is_wrong_usage(impasto):
    result = impasto("set", JOB, "style_weight")

    assert result.exit_code == 2
    assert "KEY=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("words", "verb", "sent"),
    [
        (("extend", JOB, "-n", 300), "extend", {"iterations": 300}),
        (
            ("fork", JOB, "--from", 200, "--set", "style_weight=4"),
            "fork",
            {"from": {"iteration": 200}, "params": {"style_weight": 4}, "name": None},
        ),
        (("retry", JOB), "retry", {"from": "checkpoint"}),
        (("retry", JOB, "--from-start"), "retry", {"from": "start"}),
    ],
)
def test_a_child_is_asked_for_once_and_its_id_printed(farm, impasto, words, verb, sent):
    farm.answers(f"POST {SELF}/{verb}", Answer(202, {**job(), "id": CHILD}))

    result = impasto(*words)

    assert (result.exit_code, result.stdout) == (0, f"{CHILD}\n")
    assert json.loads(farm.seen[0][3]) == sent


def test_a_fork_from_nowhere_says_where_it_can_begin(farm, impasto):
    refused = problem("no-checkpoint", checkpoints=[10, 20])
    refused["detail"] = "no checkpoint at 12; it has these: 10, 20"
    farm.answers(f"POST {SELF}/fork", Answer(409, refused))

    result = impasto("fork", JOB, "--from", 12)

    assert result.exit_code == 1
    assert "10, 20" in result.stderr
    assert len(farm.seen) == 1


def test_a_job_can_be_submitted_with_deadlines(farm, impasto, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    farm.answers("POST /v1/jobs", Answer(202, job()))

    flags = ("--priority", "high", "--keep-every", 20, "--cancel-after", "3600")
    impasto("submit", photo, photo, *flags)

    body = farm.seen[0][3].decode()
    for name, value in (("priority", "high"), ("keep_every", "20"),
                        ("cancel_after", "3600")):  # fmt: skip
        assert f'name="{name}"\r\n\r\n{value}\r\n' in body
    assert 'name="max_attempts"' not in body
