"""docs/waiting.md names every event of a stream, and none besides."""

from __future__ import annotations

import re
from pathlib import Path

from api.events.stream import PROBLEM, RECONNECT
from api.watch import message
from api.watch.message import VERSION

TEXT = (Path(__file__).parents[3] / "docs" / "waiting.md").read_text()


def test_the_table_of_events_names_those_that_there_are():
    words = {value for name, value in vars(message).items() if name.isupper()
             and isinstance(value, str)}  # fmt: skip

    table = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)

    assert len(table) == len(set(table))
    assert set(table) == (words - {VERSION}) | {RECONNECT, PROBLEM}
