"""The tables of states hold what the design says, cell by cell."""

from __future__ import annotations

import pytest

from shared.states import (
    EVENTS,
    HELD,
    TERMINAL,
    VERBS,
    Answer,
    Event,
    JobState,
    Verb,
    allowed_verbs,
)

QUEUED, RUNNING, CANCELING = JobState.QUEUED, JobState.RUNNING, JobState.CANCELING
SUCCEEDED, FAILED, CANCELED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (QUEUED, Answer(CANCELED, done=True)),
        (RUNNING, Answer(CANCELING, done=False)),
        (CANCELING, Answer(CANCELING, done=False)),
        (CANCELED, Answer(CANCELED, done=True)),
        (SUCCEEDED, None),
        (FAILED, None),
    ],
)
def test_cancel_answers_by_state(state, answer):
    assert VERBS[Verb.CANCEL].get(state) == answer


@pytest.mark.parametrize(
    ("event", "from_running"),
    [
        (Event.COMPLETE, SUCCEEDED),
        (Event.RELEASE, QUEUED),
        (Event.RETRY, QUEUED),
        (Event.FAIL, FAILED),
        (Event.REAP, QUEUED),
        (Event.POISON, FAILED),
    ],
)
def test_an_event_takes_a_running_job_on_and_a_canceling_one_to_its_end(
    event, from_running
):
    assert EVENTS[event] == {RUNNING: from_running, CANCELING: CANCELED}


def test_a_worker_stops_only_what_was_asked_to_stop():
    assert EVENTS[Event.STOPPED] == {CANCELING: CANCELED}


def test_only_queued_jobs_are_claimed():
    assert EVENTS[Event.CLAIM] == {QUEUED: RUNNING}


def test_every_state_is_queued_held_or_terminal():
    assert {QUEUED} | HELD | TERMINAL == set(JobState)
    assert not HELD & TERMINAL


def test_no_event_leaves_a_terminal_state():
    assert not any(state in TERMINAL for moves in EVENTS.values() for state in moves)


def test_no_verb_changes_a_terminal_state():
    changes = [
        (verb, state)
        for verb, answers in VERBS.items()
        for state, answer in answers.items()
        if state in TERMINAL and answer.state != state
    ]
    assert changes == []


def test_the_allowed_verbs_are_those_of_the_table():
    assert allowed_verbs(RUNNING) == ["cancel"]
    assert allowed_verbs(SUCCEEDED) == []
