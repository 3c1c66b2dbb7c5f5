"""How long a new job would wait, by its priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.bodies import PRIORITIES
from api.record_schemas import Wait, Waits
from api.waiting_line import new_place, new_waiting
from shared import jobs
from shared.params import StyleParams

if TYPE_CHECKING:
    from shared.db import Database
    from shared.jobs import Line

_SIZE = (3, 2)  # the shape of most photos; it has no part in when a job starts


def waits_of(database: Database, owner_id: str) -> Waits:
    """Play one more job of an owner ahead, once with each priority, once a second."""
    line = jobs.line(database)
    return database.notes.recall(
        f"waits of {owner_id}", lambda: _waits(database, line, owner_id)
    )


def _waits(database: Database, line: Line, owner_id: str) -> Waits:
    waits = {
        word: _wait(database, line, owner_id, priority)
        for word, priority in PRIORITIES.items()
    }
    return Waits.model_validate(waits)


def _wait(database: Database, line: Line, owner_id: str, priority: int) -> Wait:
    asked = new_waiting(line, owner_id, StyleParams(), _SIZE, priority)
    place = new_place(database, line, asked)
    return Wait(
        starts_in_s=place.starts_in_s, confidence=place.confidence, reason=place.reason
    )
