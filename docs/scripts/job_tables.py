"""`python -m docs.scripts.job_tables`: print the tables of docs/jobs.md."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from shared.states import (
    ACTIONS,
    EVENTS,
    TERMINAL,
    ActionEffect,
    ActionOutcome,
    JobState,
    Requirement,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_EFFECTS = {
    ActionEffect.REQUEST: "request stored",
    ActionEffect.NO_CHANGE: "unchanged",
    ActionEffect.CHILD_JOB: "new job",
}
_NEEDS = {
    Requirement.CHECKPOINT: ", if it has a checkpoint",
    Requirement.EARLY_COMPLETION: ", if it ended early",
}


def verbs_table() -> str:
    """Return the table of actions: a row per action, a column per state."""
    rows = [
        [f"**{verb}**", *(_asked(answers.get(state)) for state in JobState)]
        for verb, answers in ACTIONS.items()
    ]
    return _table(["action", *(f"`{state}`" for state in JobState)], rows)


def events_table() -> str:
    """Return the table of events: a row per event, a column per unfinished state."""
    states = [state for state in JobState if state not in TERMINAL]
    rows = [
        [f"**{event}**", *(f"`{m[s]}`" if s in m else "" for s in states)]
        for event, m in EVENTS.items()
    ]
    return _table(["event", *(f"`{state}`" for state in states)], rows)


def _asked(answer: ActionOutcome | None) -> str:
    if answer is None:
        return "409"
    what = _EFFECTS.get(answer.effect, f"`{answer.state}`")
    needs = _NEEDS[answer.requirement] if answer.requirement else ""
    return f"{200 if answer.done else 202} {what}{needs}"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(f"{verbs_table()}\n\n{events_table()}\n")
