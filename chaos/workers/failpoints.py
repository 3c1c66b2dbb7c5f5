"""Traps in a worker process: at a named point between two steps it ends, or worse.

Whoever runs the chaos sets a trap by writing a file; the worker, at the named point,
takes the file away, leaves word of what it was doing, and does what the trap says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from shared.errors import DatabaseUnavailable
from shared.jobs.claim import Claim

if TYPE_CHECKING:
    from pathlib import Path

EXIT, FREEZE, LOSE = "exit", "freeze", "lose the answer"
_KEY = re.compile(r"[a-z]+/(job_[^/]+)/(\d+)")


@dataclass(frozen=True, slots=True)
class TriggeredFailpoint:
    """Word of a trap that was stepped on: what, where, when, with which job."""

    point: str
    action: str
    at: float  # seconds since 1970
    job_id: str | None = None
    fence: int | None = None


class Failpoints:
    """The traps of one worker; `folder` is shared with whoever sets them."""

    def __init__(self, folder: Path, slot: str) -> None:
        self._set = folder / f"{slot}.set"
        self._sprung = folder / f"{slot}.sprung"

    def set(self, point: str, action: str) -> None:
        """Have the worker do `action` when it comes to `point`."""
        fresh = self._set.with_suffix(".new")
        fresh.write_text(json.dumps({"point": point, "action": action}))
        fresh.replace(self._set)

    def clear(self) -> None:
        """Take the trap away, if nobody has stepped on it."""
        self._set.unlink(missing_ok=True)

    @property
    def is_set(self) -> bool:
        """Whether a trap waits."""
        return self._set.exists()

    def take(self) -> TriggeredFailpoint | None:
        """Read what was left by a worker that stepped on one, once."""
        try:
            said = json.loads(self._sprung.read_text())
        except FileNotFoundError:
            return None
        self._sprung.unlink()
        return TriggeredFailpoint(**said)

    def trigger(self, point: str, arguments: tuple[object, ...]) -> bool:
        """Come to a point; True: behave as if the answer of what was done got lost."""
        if not self._set.exists():
            return False
        try:
            trap = json.loads(self._set.read_text())
            if trap["point"] != point:
                return False
            self._set.unlink()
        except FileNotFoundError:  # taken away meanwhile, or by another thread
            return False
        self._leave_word(trap, arguments)
        if trap["action"] == EXIT:
            os._exit(1)
        if trap["action"] == FREEZE:
            os.kill(os.getpid(), signal.SIGSTOP)
        return bool(trap["action"] == LOSE)

    def _leave_word(self, trap: dict[str, str], arguments: tuple[object, ...]) -> None:
        word = TriggeredFailpoint(**trap, at=time.time(), **_find_job(arguments))
        fresh = self._sprung.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(word)))
        fresh.replace(self._sprung)


def make_lost_commit_error() -> DatabaseUnavailable:
    """What a commit raises whose acknowledgment never came."""
    return DatabaseUnavailable("database: the connection was lost (chaos)")


def _find_job(arguments: tuple[object, ...]) -> dict[str, str | int]:
    """Find the job in what a step was called with."""
    for one in arguments:
        if isinstance(one, Claim):
            return {"job_id": one.job_id, "fence": one.fence}
        if (match := _KEY.search(str(one))) is not None:
            return {"job_id": match[1], "fence": int(match[2])}
    return {}
