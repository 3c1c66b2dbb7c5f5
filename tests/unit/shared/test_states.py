"""The tables of states hold what the design says, cell by cell."""

from __future__ import annotations

import pytest

from shared.states import (
    ACTIONS,
    EVENTS,
    LEASED,
    TERMINAL,
    ActionEffect,
    JobState,
    Requirement,
    actions_in_state,
)

STATES = ["queued", "running", "pausing", "paused", "canceling",
          "succeeded", "failed", "canceled", "expired"]  # fmt: skip

# What people ask: "STATE 200" moves there and is done, "STATE 202" moves there and a
# worker has to obey; `=` notes it and stays, `.` changes nothing, `+` makes a new job.
# `?` needs a checkpoint, `!` an early completion; "" is refused.
ASKED = {
    "cancel": ["canceled 200", "canceling 202", "canceling 202", "canceled 200",
               ". 202", "", "", ". 200", ""],
    "pause": ["paused 200", "pausing 202", ". 202", ". 200", "", "", "", "", ""],
    "resume": [". 200", ". 200", "running 202", "queued 202", "", "", "", "", ""],
    "finish": ["= 202 ?", "= 202", "= 202", "queued 202 ?", "", ". 200 !", "", "", ""],
    "steer": ["= 200", "= 202", "= 202", "= 200", "", "", "", "", ""],
    "fork": ["+ 202 ?"] * 9,
    "extend": ["", "", "", "", "", "+ 202 ?", "", "", ""],
    "retry": ["", "", "", "", "", "", "+ 202", "+ 202", "+ 202"],
}  # fmt: skip

# What happens, in the first five states; none happens in a terminal one.
HAPPENS = {
    "claim": ["running", "", "", "", ""],
    "complete": ["", "succeeded", "succeeded", "", "canceled"],
    "stop": ["", "", "paused", "", "canceled"],
    "release": ["", "queued", "paused", "", "canceled"],
    "retry": ["", "queued", "paused", "", "canceled"],
    "fail": ["", "failed", "failed", "", "canceled"],
    "rescue": ["", "queued", "paused", "", "canceled"],
    "crash_loop": ["", "failed", "paused", "", "canceled"],
    "expire": ["expired", "", "", "expired", ""],
    "overdue": ["canceled", "canceling", "canceling", "canceled", ""],
    "unschedulable": ["failed", "", "", "", ""],
}

SIGNS = {
    ActionEffect.REQUEST: "=",
    ActionEffect.NO_CHANGE: ".",
    ActionEffect.CHILD_JOB: "+",
}
NEEDS = {Requirement.CHECKPOINT: " ?", Requirement.EARLY_COMPLETION: " !", None: ""}


def told(state, answer):
    if answer is None:
        return ""
    assert (answer.state != state) == (answer.effect is ActionEffect.TRANSITION)
    sign = SIGNS.get(answer.effect, answer.state)
    return f"{sign} {200 if answer.done else 202}{NEEDS[answer.requirement]}"


def test_there_are_no_other_states():
    assert list(JobState) == STATES


def test_every_verb_has_its_row():
    assert list(ASKED) == list(ACTIONS)


def test_every_event_has_its_row():
    assert list(HAPPENS) == list(EVENTS)


@pytest.mark.parametrize("verb", ASKED)
def test_a_verb_answers_by_state(verb):
    found = [told(state, ACTIONS[verb].get(state)) for state in JobState]

    assert found == ASKED[verb]


@pytest.mark.parametrize("event", HAPPENS)
def test_an_event_leads_by_state(event):
    found = [EVENTS[event].get(state, "") for state in JobState]

    assert found == [*HAPPENS[event], "", "", "", ""]


def test_every_state_waits_or_is_held_or_over():
    waits = {JobState.QUEUED, JobState.PAUSED}
    assert waits | LEASED | TERMINAL == set(JobState)
    assert not LEASED & TERMINAL


def test_no_event_and_no_verb_changes_a_terminal_state():
    assert not any(state in TERMINAL for moves in EVENTS.values() for state in moves)
    changes = [
        (verb, state)
        for verb, answers in ACTIONS.items()
        for state, answer in answers.items()
        if state in TERMINAL
        and answer.effect in {ActionEffect.TRANSITION, ActionEffect.REQUEST}
    ]
    assert changes == []


@pytest.mark.parametrize(
    ("state", "has", "verbs"),
    [
        ("queued", set(), "cancel pause steer"),
        ("queued", {Requirement.CHECKPOINT}, "cancel finish fork pause steer"),
        ("running", set(), "cancel finish pause steer"),
        ("pausing", set(), "cancel finish resume steer"),
        ("paused", {Requirement.CHECKPOINT}, "cancel finish fork resume steer"),
        ("canceling", set(), ""),
        ("succeeded", {Requirement.CHECKPOINT}, "extend fork"),
        ("succeeded", {Requirement.EARLY_COMPLETION}, ""),
        ("failed", set(), "retry"),
        ("canceled", {Requirement.CHECKPOINT}, "fork retry"),
        ("expired", set(), "retry"),
    ],
)
def test_the_allowed_verbs_are_those_that_change_something(state, has, verbs):
    assert actions_in_state(JobState(state), has) == verbs.split()
