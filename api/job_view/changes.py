"""What was changed about a job, in the words in which it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.http.timestamps import instant
from api.job_view.schemas import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIORITY_WORDS = {number: word for word, number in PRIORITIES.items()}

_NAMES = {"user_metadata": "metadata"}  # column -> member


def told_changes(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Write the detail of an event, which has columns of the row, as the API does."""
    return {_NAMES.get(name, name): _told(name, detail[name]) for name in detail}


def _told(name: str, value: Any) -> Any:
    if name == "priority":
        return PRIORITY_WORDS.get(value, "normal")
    if name == "cancel_after" and value is not None:
        moment = instant(value).isoformat()
        return moment.replace("+00:00", "Z")
    return value
