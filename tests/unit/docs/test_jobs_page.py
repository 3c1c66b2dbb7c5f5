"""docs/jobs.md has the tables of the code, and names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.scripts.job_tables import events_table, verbs_table
from shared.states import EVENTS, Action, JobState

TEXT = (Path(__file__).parents[3] / "docs" / "jobs.md").read_text()


@pytest.mark.parametrize("table", [verbs_table(), events_table()])
def test_the_tables_are_those_of_the_code(table):
    assert table in TEXT, (
        "run 'python -m docs.scripts.job_tables' and paste what it prints"
    )


@pytest.mark.parametrize("verb", Action)
def test_every_verb_is_explained(verb):
    assert f"**{verb}**" in TEXT.replace(verbs_table(), "")


@pytest.mark.parametrize("event", set(EVENTS) - {"claim", "complete", "stop", "fail"})
def test_every_event_that_is_no_plain_word_is_explained(event):
    assert f"**{event}**" in TEXT.replace(events_table(), "")


def test_the_ends_are_named():
    for state in JobState:
        assert f"`{state}`" in TEXT
