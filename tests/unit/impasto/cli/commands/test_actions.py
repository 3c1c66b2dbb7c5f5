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


@pytest.mark.parametrize("words", [["set", JOB], ["fork", JOB, "--from", "9", "--set"]])
def test_styles_that_are_no_list_are_wrong_usage_with_an_example(farm, impasto, words):
    result = impasto(*words, "styles=1,2")

    assert result.exit_code == 2
    assert """styles='[{"weight": 1}, {"weight": 3}]'""" in result.stderr
    assert farm.seen == []


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_a_number_that_json_lacks_is_left_to_the_server_as_a_text(
    farm, impasto, number
):
    farm.answers(f"GET {SELF}", Answer(body=job("running", revision=17)))
    farm.answers(f"PATCH {SELF}", Answer(202, job("running")))

    assert impasto("set", JOB, f"style_weight={number}").exit_code == 0
    assert json.loads(farm.seen[-1][3]) == {"style_weight": number}


def test_set_names_its_keys_and_not_flags_that_it_lacks(farm, impasto):
    wrong = [{"pointer": "/style_weight", "code": "x", "detail": "too small"}]
    farm.answers(f"GET {SELF}", Answer(body=job("running", revision=17)))
    farm.answers(f"PATCH {SELF}", Answer(422, problem("validation", errors=wrong)))

    said = impasto("set", JOB, "style_weight=-1").stderr

    assert "\n  style_weight: too small\n" in said


def test_fork_names_its_keys_and_the_flags_that_it_has(farm, impasto):
    wrong = [
        {"pointer": pointer, "code": "x", "detail": "wrong"}
        for pointer in ("/params/style_weight", "/from")
    ]
    farm.answers(f"POST {SELF}/fork", Answer(422, problem("validation", errors=wrong)))

    said = impasto("fork", JOB, "--from", "9", "--set", "style_weight=-1").stderr

    assert "\n  style_weight: wrong\n" in said
    assert "\n  --from: wrong\n" in said
